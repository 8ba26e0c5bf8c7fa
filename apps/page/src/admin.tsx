/** What changes the server for everybody. It may ask for the admin token. */
import { signal } from '@preact/signals'
import { adminToken } from './admin-token.ts'

/** What is to be done again with the token that is asked for. */
const waiting = signal<(() => Promise<void>) | null>(null)

/**
 * Resolves with the answer; with `undefined` when the server asks for the token, and then `again` is called once the
 * reader has given one.
 */
export async function changeServer(
  path: string,
  method: 'POST' | 'PUT' | 'DELETE',
  body: object | undefined,
  again: () => Promise<void>,
): Promise<Response | undefined> {
  const response = await fetch(path, {
    method,
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(adminToken.value && { authorization: `Bearer ${adminToken.value}` }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  waiting.value = response.status === 401 ? again : null
  return response.status === 401 ? undefined : response
}

/** What a problem says (RFC 9457), for people. */
export async function problemOf(response: Response): Promise<string> {
  const { detail } = (await response.json()) as { readonly detail?: string }
  return detail ?? `The server answered with ${response.status}.`
}

/** Asks for the token, when the server has. */
export function AdminToken() {
  const again = waiting.value
  if (!again) return null
  return (
    <form
      class="admin"
      onSubmit={(event) => {
        event.preventDefault()
        const given = new FormData(event.currentTarget).get('token')
        adminToken.value = typeof given === 'string' ? given : ''
        void again()
      }}
    >
      <p role="alert">
        {adminToken.value === ''
          ? 'This server lets nobody change it without its admin token.'
          : 'That is not the admin token of this server.'}
      </p>
      <label>
        Admin token <input type="password" name="token" required autocomplete="off" />
      </label>{' '}
      <button>Send it and go on</button>
    </form>
  )
}
