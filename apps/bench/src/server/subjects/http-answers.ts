/**
 * Cuts what comes over a connection into HTTP answers: as many as there are in a chunk, and one that comes in
 * several. They must have a `content-length`, or no body.
 */

const HEAD_END = Buffer.from('\r\n\r\n')
const LENGTH = Buffer.from('content-length: ')
const CAPITAL_LENGTH = Buffer.from('Content-Length: ')

export class HttpAnswers {
  readonly #onAnswer: (status: number, body: Buffer) => void
  #rest: Buffer = Buffer.alloc(0)

  /** `body` is good for as long as the call: its memory is the chunk's. */
  constructor(onAnswer: (status: number, body: Buffer) => void) {
    this.#onAnswer = onAnswer
  }

  /** Throws when it is no such answer. Keeps nothing of the chunk's memory. */
  read(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (bytes.length > 0) {
      const headEnd = bytes.indexOf(HEAD_END)
      if (headEnd === -1) break
      const bodyAt = headEnd + HEAD_END.length
      const end = bodyAt + lengthIn(bytes, headEnd)
      if (end > bytes.length) break
      this.#onAnswer(digits(bytes, 'HTTP/1.1 '.length), bytes.subarray(bodyAt, end))
      bytes = bytes.subarray(end)
    }
    this.#rest = bytes.length === 0 ? bytes : Buffer.from(bytes)
  }
}

function lengthIn(bytes: Buffer, headEnd: number): number {
  const lower = bytes.indexOf(LENGTH)
  const at = lower === -1 || lower > headEnd ? bytes.indexOf(CAPITAL_LENGTH) : lower
  if (at === -1 || at > headEnd) throw new Error('expected an answer with a content-length')
  return digits(bytes, at + LENGTH.length)
}

/** The integer that begins at `at`. */
function digits(bytes: Buffer, at: number): number {
  let value = 0
  for (let place = at; ; place++) {
    const digit = (bytes[place] ?? 0) - 0x30
    if (digit < 0 || digit > 9) return value
    value = value * 10 + digit
  }
}
