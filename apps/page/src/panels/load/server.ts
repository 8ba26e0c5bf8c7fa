/** How the panel asks the server for something that only some may: with the admin token, once it has been asked for. */
import { signal } from '@preact/signals'
import { adminToken } from '../../admin-token.ts'

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
  const response = await fetch(path, {
    method,
    ...(stopped && { signal: stopped }),
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(adminToken.value && { authorization: `Bearer ${adminToken.value}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  wantsToken.value = response.status === 401
  const answer = (await response.json()) as unknown
  if (response.ok) return { body: answer }
  const { detail } = answer as { readonly detail?: string }
  throw new Error(detail ?? `The server answered with ${response.status}.`)
}
