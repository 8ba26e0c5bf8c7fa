/** What changes the server for everybody. It may ask for the admin token. */
import { signal } from '@preact/signals'
import { adminToken, askServer } from './ask-server.ts'

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
  const response = await askServer(path, { method, body })
  waiting.value = response.status === 401 ? again : null
  return response.status === 401 ? undefined : response
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
