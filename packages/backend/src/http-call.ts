/**
 * One call of the port that is one request. Cancelling it closes the socket, in every phase.
 *
 * Redirects are not followed, and nothing is tried again: how often to call is the style's business.
 */
import { HttpError, type Done } from '@overlap/workload'
import type { CallName } from './calls.ts'
import { HttpExchange, type Asker } from './http-exchange.ts'
import type { HttpRequest } from './http-line.ts'
import type { HttpLines } from './http-lines.ts'
import { Told } from './told.ts'
import type { Watcher } from './watcher.ts'

/** Whether an answer is one to what was asked for. */
export type Read<I, A> = (asked: I, status: number, body: string) => A | HttpError

export class HttpCall<I, A> implements Asker {
  readonly #asked: I
  readonly #read: Read<I, A>
  readonly #told: Told<A, HttpError>
  #exchange: HttpExchange | null = null

  constructor(name: CallName, asked: I, read: Read<I, A>, done: Done<A, HttpError>, watcher: Watcher) {
    this.#asked = asked
    this.#read = read
    this.#told = new Told(name, done, watcher)
  }

  start(lines: HttpLines, request: HttpRequest): void {
    this.#exchange = new HttpExchange(lines, this)
    this.#exchange.start(request)
  }

  failLater(message: string): void {
    process.nextTick(() => this.failed(new HttpError(message)))
  }

  cancel(): void {
    if (!this.#told.cancel()) return
    if (this.#exchange) this.#exchange.cancel()
    else this.stopped()
  }

  sent(): void {
    this.#told.sent()
  }

  answered(status: number, body: string): void {
    const answer = this.#read(this.#asked, status, body)
    if (answer instanceof HttpError) this.#told.fail(answer)
    else this.#told.succeed(answer)
  }

  failed(error: HttpError): void {
    this.#told.fail(error)
  }

  stopped(): void {
    this.#told.stopped()
  }
}
