/**
 * What the demo server says of its connections, and what these servers do instead: the bytes are to be the same, but a
 * connection is to live through the time in which others are measured.
 */
export const keepAliveHeaders = { connection: 'keep-alive', 'keep-alive': 'timeout=5, max=10000' } as const

/** Between two requests. */
export const IDLE_MS = 600_000
