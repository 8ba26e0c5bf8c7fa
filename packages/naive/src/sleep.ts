/** Resolves after `ms`, whoever still waits for it by then. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))
