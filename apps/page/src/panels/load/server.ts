/** How the panel asks the server for something that only some may: with the admin token, once it has been asked for. */
import { signal } from '@preact/signals'
import { askServer, problemOf } from '../../ask-server.ts'

/** The server wants one. */
export const wantsToken = signal(false)

interface Answer {
  /** JSON, which has no types. */
  readonly body: unknown
}

/** Rejects with what the server says is wrong, for a person to read. */
export async function ask(
  method: string,
  path: string,
  body?: unknown,
  stopped?: AbortSignal,
): Promise<Answer> {
  const response = await askServer(path, { method, body, signal: stopped })
  wantsToken.value = response.status === 401
  if (!response.ok) throw new Error(await problemOf(response))
  return { body: await response.json() }
}
