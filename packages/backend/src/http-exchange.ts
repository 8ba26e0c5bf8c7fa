/**
 * One request and its answer, on a line that is taken for it.
 *
 * Whatever the answer is, it leaves no unread body behind: it is read to its end, which gives the line
 * back, or the socket is closed. All of it together may take so long and no longer: a service that sends
 * a byte now and then would otherwise never be late. Another status than 200 is told after its body has been read, for as
 * long as that is short and quick.
 */
import { HttpError } from '@overlap/workload'
import type { Dispatcher } from 'undici'
import { toHttpError, toLateError, toStatusError } from './http-errors.ts'
import type { HttpLine, HttpRequest } from './http-line.ts'
import type { HttpLines } from './http-lines.ts'
import { throwLater } from './throw-later.ts'

/** Of an answer, unless whoever asks expects more; always of one that is not wanted. */
const BODY_LIMIT_BYTES = 64 * 1024
/** How long the body of an answer that is not wanted may take. */
const DRAIN_MS = 1_000

/** Whoever asked. One of the last three is called at the end, once, and never synchronously. */
export interface Asker {
  /** A connection was there, and the request is on its way. May be called synchronously. */
  sent(): void
  /** The head of the answer has come. */
  answering(): void
  answered(status: number, body: Buffer): void
  failed(error: HttpError): void
  /** After `cancel`: the socket has closed. Called from within `cancel` if there is none. */
  stopped(): void
}

export class HttpExchange implements Dispatcher.DispatchHandler {
  readonly #lines: HttpLines
  readonly #line: HttpLine
  readonly #asker: Asker
  #bodyLimitBytes = BODY_LIMIT_BYTES
  #status: number | undefined
  #body: Buffer[] = []
  #bytes = 0
  #patience: NodeJS.Timeout | undefined
  #drain: NodeJS.Timeout | undefined
  #over = false

  constructor(lines: HttpLines, asker: Asker) {
    this.#lines = lines
    this.#asker = asker
    this.#line = lines.take()
  }

  start(request: HttpRequest, bodyLimitBytes = BODY_LIMIT_BYTES): void {
    this.#bodyLimitBytes = bodyLimitBytes
    this.#patience = setTimeout(() => this.#cutOff(toLateError(this.#status)), this.#lines.answerTimeoutMs)
    this.#line.dispatch(request, this)
  }

  cancel(): void {
    if (this.#over) return
    this.#end()
    this.#lines.discard(this.#line, () => this.#asker.stopped())
  }

  // From here on undici calls.

  onRequestStart(): void {
    this.#asker.sent()
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    if (this.#over || status < 200) return
    this.#status = status
    this.#asker.answering()
    if (status === 200) return
    this.#bodyLimitBytes = BODY_LIMIT_BYTES
    this.#drain = setTimeout(() => this.#cutOff(toStatusError(status)), DRAIN_MS)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return
    this.#bytes += chunk.length
    this.#body.push(chunk)
    if (this.#bytes <= this.#bodyLimitBytes) return
    const status = this.#status
    this.#cutOff(
      status === undefined || status === 200
        ? new HttpError('the answer of the reservation service is too long', { status })
        : toStatusError(status),
    )
  }

  onResponseEnd(): void {
    if (this.#over || this.#status === undefined) return
    const status = this.#status
    const [first, ...others] = this.#body
    const body = first && others.length === 0 ? first : Buffer.concat(this.#body)
    this.#end()
    this.#lines.release(this.#line)
    throwLater(() => this.#asker.answered(status, body))
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#over) return
    this.#cutOff(
      this.#status === undefined || this.#status === 200
        ? toHttpError(error, this.#status)
        : toStatusError(this.#status),
    )
  }

  /** Fails, on the next tick: undici may report an error from within `dispatch`. */
  #cutOff(error: HttpError) {
    this.#lines.discard(this.#line)
    process.nextTick(() => {
      if (this.#over) return
      this.#end()
      this.#asker.failed(error)
    })
  }

  #end() {
    this.#over = true
    this.#body = []
    clearTimeout(this.#patience)
    clearTimeout(this.#drain)
  }
}
