/** How all panels ask the server for something, and read what it says is wrong. */
import { signal } from '@preact/signals'

/** What the reader has given for the admin token: for all panels, in no address, and forgotten with the page. */
export const adminToken = signal('')

interface Asked {
  readonly method: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
}

/** Sends the admin token along, once the reader has given it. Rejects with what can be told to a reader. */
export async function askServer(path: string, { method, body, signal: stopped }: Asked): Promise<Response> {
  try {
    return await fetch(path, {
      method,
      ...(stopped && { signal: stopped }),
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(adminToken.value && { authorization: `Bearer ${adminToken.value}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  } catch (error) {
    // A browser says no more than that a fetch has failed.
    throw new Error('The server could not be reached.', { cause: error })
  }
}

export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** What a problem says (RFC 9457), for people. */
export async function problemOf(response: Response): Promise<string> {
  const { detail } = (await response.json()) as { readonly detail?: string }
  return detail ?? `The server answered with ${response.status}.`
}
