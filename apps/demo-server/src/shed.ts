/**
 * Turns runs away while as many are under way as the server can serve in time.
 *
 * It stands before Fastify: nothing is looked at but how the URL begins. The less a refusal costs, the more is left
 * for those who were let in.
 */
import type { RequestListener } from 'node:http'
import type { Context } from './context.ts'
import { formatProblem, overloaded } from './problem.ts'

const { head, body } = formatProblem(overloaded())
// As a string, because Node sends that together with the head in one piece.
const text = body.toString()

/** Answers instead of `handler` when the server is full. When it is closing, `handler` says so. */
export function shed(handler: RequestListener, { admission, runs }: Context): RequestListener {
  return (request, response) => {
    if (!admission.full || runs.closing || !request.url?.startsWith('/api/run/'))
      return handler(request, response)
    admission.refused++
    response.writeHead(503, head).end(text)
  }
}
