/** Asks the reservation service on the port's own behalf: not for the calls. */
import { HttpError } from '@overlap/workload'
import { toStatusError } from './http-errors.ts'
import { HttpExchange, type Asker } from './http-exchange.ts'
import type { HttpRequest } from './http-line.ts'
import type { Upstream } from './upstream.ts'

/** Resolves with the status of the answer. `path`: behind the base path. */
export function askService(
  { lines, basePath }: Upstream,
  method: HttpRequest['method'],
  path: string,
): Promise<number> {
  if (lines.closed) return Promise.reject(new HttpError('the port is closed'))
  return new Promise((resolve, reject: (error: HttpError) => void) => {
    const asker: Asker = { sent() {}, answering() {}, answered: resolve, failed: reject, stopped() {} }
    new HttpExchange(lines, asker).start({ method, path: basePath + path })
  })
}

/** Whether it answers. Any status below 500 will do: a service of somebody else's need not have that path. */
export async function checkService(upstream: Upstream): Promise<void> {
  const status = await askService(upstream, 'GET', '/livez')
  if (status >= 500) throw toStatusError(status)
}
