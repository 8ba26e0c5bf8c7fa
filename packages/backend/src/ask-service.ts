/** Asks whether the reservation service answers: for readiness, not for the calls. */
import { HttpError } from '@overlap/workload'
import { HttpExchange, type Asker } from './http-exchange.ts'
import type { HttpLines } from './http-lines.ts'

/** Any status below 500 will do: a service of somebody else's need not have that path. */
export function askService(lines: HttpLines, path: string): Promise<void> {
  if (lines.closed) return Promise.reject(new HttpError('the port is closed'))
  return new Promise((resolve, reject: (error: HttpError) => void) => {
    const asker: Asker = {
      sent() {},
      answered(status) {
        if (status < 500) resolve()
        else reject(new HttpError(`the reservation service answered with status ${status}`, { status }))
      },
      failed: reject,
      stopped() {},
    }
    new HttpExchange(lines, asker).start({ method: 'GET', path })
  })
}
