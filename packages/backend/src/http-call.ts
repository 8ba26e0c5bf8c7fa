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
import type { Watcher } from './watcher.ts'

/** Whether an answer is one to what was asked for. */
export type Read<I, A> = (asked: I, status: number, body: string) => A | HttpError

export class HttpCall<I, A> implements Asker {
  readonly #name: CallName
  readonly #id: number
  readonly #asked: I
  readonly #read: Read<I, A>
  readonly #watcher: Watcher
  /** `null` once the call has been answered or cancelled. */
  #done: Done<A, HttpError> | null
  #exchange: HttpExchange | null = null

  constructor(name: CallName, asked: I, read: Read<I, A>, done: Done<A, HttpError>, watcher: Watcher) {
    this.#name = name
    this.#asked = asked
    this.#read = read
    this.#done = done
    this.#watcher = watcher
    this.#id = watcher.started(name)
  }

  start(lines: HttpLines, request: HttpRequest): void {
    this.#exchange = new HttpExchange(lines, this)
    this.#exchange.start(request)
  }

  failLater(message: string): void {
    process.nextTick(() => this.failed(new HttpError(message)))
  }

  cancel(): void {
    if (this.#done === null) return
    this.#done = null
    this.#watcher.tell(this.#name, 'cancelled', this.#id)
    if (this.#exchange) this.#exchange.cancel()
    else this.stopped()
  }

  sent(): void {
    this.#watcher.tell(this.#name, 'sent', this.#id)
  }

  answered(status: number, body: string): void {
    const answer = this.#read(this.#asked, status, body)
    if (answer instanceof HttpError) {
      this.failed(answer)
      return
    }
    const done = this.#done
    this.#done = null
    this.#watcher.tell(this.#name, 'succeeded', this.#id)
    done?.(null, answer)
  }

  failed(error: HttpError): void {
    const done = this.#done
    if (done === null) return
    this.#done = null
    this.#watcher.tell(this.#name, 'failed', this.#id)
    done(error)
  }

  stopped(): void {
    this.#watcher.tell(this.#name, 'stopped', this.#id)
  }
}

/** The object that a body holds; `undefined` when it holds anything else. */
export function parseObject(body: string): object | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
