/**
 * Sends many answers as they arrive: a line of JSON each, or a server-sent event each.
 *
 * Every frame has a name: `result` for an answer, and at the end `end`, or `problem` if it failed on the way. A
 * stream without either was cut off. A failure before the first answer has no stream to stand in: it is thrown.
 *
 * The next answer is asked for when the one before has left the process, so a slow reader holds the
 * scenario back, and nothing piles up here.
 *
 * Source: https://github.com/ndjson/ndjson-spec and
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
import type { ServerResponse } from 'node:http'
import { toPromise } from '@overlap/workload'
import { ClientLeftError } from './runs.ts'

export interface Format {
  readonly contentType: string
  readonly frame: (name: 'result' | 'end' | 'problem', data: unknown) => string
}

export const lines: Format = {
  contentType: 'application/x-ndjson',
  frame: (name, data) => `${JSON.stringify({ [name]: data })}\n`,
}

export const events: Format = {
  contentType: 'text/event-stream',
  frame: (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`,
}

/** What the client accepts: lines, unless it asks for events. */
export function formatFor(accept: string | undefined): Format {
  return accept?.includes(events.contentType) ? events : lines
}

interface Sequence {
  readonly answers: AsyncIterable<unknown>
  /** That of the run: once it aborts, nobody waits for the client any more. */
  readonly signal: AbortSignal
  readonly format: Format
  /** Called once, before the first frame. */
  readonly begin: () => void
  /** What the last frame says. */
  readonly end: () => unknown
  readonly problem: (error: unknown) => unknown
}

/** Resolves once the last frame has been handed over, with what it failed with, if it did. Rejects if it fails before it has begun. */
export async function sendAnswers(
  response: Pick<ServerResponse, 'write' | 'end'>,
  { answers, signal, format: { frame }, begin, end, problem }: Sequence,
): Promise<{ readonly error: unknown } | undefined> {
  let begun = false
  try {
    for await (const answer of answers) {
      if (!begun) begin()
      begun = true
      const text = frame('result', answer)
      await handOver((written) => response.write(text, written), signal)
    }
    if (!begun) begin()
    response.end(frame('end', end()))
    return undefined
  } catch (error) {
    if (!begun) throw error
    response.end(frame('problem', problem(error)))
    return { error }
  }
}

/**
 * Resolves when what `write` has written has been handed to the operating system, whose buffers are bounded. Rejects
 * with a `ClientLeftError` when there is nobody to write to.
 */
export function handOver(
  write: (written: (error?: Error | null) => void) => void,
  signal: AbortSignal,
): Promise<void> {
  return toPromise((done) => {
    let cancelled = false
    // Between the end of its socket and `close`, Node drops a write and never calls back.
    write((error) => {
      if (!cancelled) done(error ? new ClientLeftError('the client has left', { cause: error }) : null)
    })
    return () => {
      cancelled = true
    }
  }, signal)
}
