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
export type Read<I, A, E extends Error> = (asked: I, status: number, body: Buffer) => A | E

export class HttpCall<I, A, E extends Error = HttpError> implements Asker {
  readonly #asked: I
  readonly #read: Read<I, A, E | HttpError>
  readonly #told: Told<A, E | HttpError>
  #exchange: HttpExchange | null = null

  constructor(
    name: CallName,
    asked: I,
    read: Read<I, A, E | HttpError>,
    done: Done<A, E | HttpError>,
    watcher: Watcher,
  ) {
    this.#asked = asked
    this.#read = read
    this.#told = new Told(name, done, watcher)
  }

  /** `bodyLimitBytes`: of the answer, 64 KiB by default. */
  start(lines: HttpLines, request: HttpRequest, bodyLimitBytes?: number): void {
    this.#exchange = new HttpExchange(lines, this)
    this.#exchange.start(request, bodyLimitBytes)
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

  answering(): void {
    this.#told.answering()
  }

  answered(status: number, body: Buffer): void {
    const answer = this.#read(this.#asked, status, body)
    if (answer instanceof Error) this.#told.fail(answer)
    else this.#told.succeed(answer)
  }

  failed(error: HttpError): void {
    this.#told.fail(error)
  }

  stopped(): void {
    this.#told.stopped()
  }
}
