/**
 * Who listens to `/api/events`: to all runs, or to those of one trace, that is those whose requests bear its id in
 * their `traceparent`. Whoever follows a trace has none of the other runs watched.
 *
 * Source: https://www.w3.org/TR/trace-context/#traceparent-header
 */
import type { ServerResponse } from 'node:http'
import { EventHub, LISTENERS } from './event-hub.ts'

/** Later versions may have more behind the fields of the first, and `ff` is none. */
const traceparentPattern =
  /^(?:00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}|(?!00|ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?)$/

export const traceIdPattern = '^(?!0{32})[0-9a-f]{32}$'

export class Audiences {
  readonly #everybody = new EventHub()
  readonly #followers = new Map<string, EventHub>()
  #listeners = 0

  get full(): boolean {
    return this.#listeners >= LISTENERS
  }

  /** Takes over `response`, whose head is not written yet: whoever receives it hears of every run that begins from then on. */
  listen(response: ServerResponse, traceId: string | null): void {
    const hub = traceId === null ? this.#everybody : (this.#followers.get(traceId) ?? new EventHub())
    if (traceId !== null) this.#followers.set(traceId, hub)
    this.#listeners++
    hub.listen(response)
    response.once('close', () => {
      this.#listeners--
      if (traceId !== null && !hub.listening) this.#followers.delete(traceId)
    })
  }

  /** Those who listen when a run begins; whoever comes later hears of later runs. `undefined`: nobody, nearly always. */
  of(traceparent: string | string[] | undefined): Audience | undefined {
    if (this.#listeners === 0) return undefined
    const [traceId, parentId] = this.#followers.size > 0 ? readTraceparent(traceparent) : []
    const everybody = this.#everybody.listening ? this.#everybody : undefined
    const followers = traceId === undefined ? undefined : this.#followers.get(traceId)
    return everybody || followers ? new Audience(everybody, followers, parentId) : undefined
  }

  end(): void {
    this.#everybody.end()
    for (const hub of this.#followers.values()) hub.end()
  }
}

/** Whom one run is told to. */
export class Audience {
  readonly #everybody: EventHub | undefined
  readonly #followers: EventHub | undefined
  readonly #parentId: string | undefined

  constructor(everybody: EventHub | undefined, followers: EventHub | undefined, parentId?: string) {
    this.#everybody = everybody
    this.#followers = followers
    this.#parentId = parentId
  }

  get listening(): boolean {
    return this.#everybody?.listening === true || this.#followers?.listening === true
  }

  /** Ask `listening` first. Those who follow the trace are told too which of its requests it was. */
  publish(event: string, data: object): void {
    if (this.#everybody?.listening) this.#everybody.publish(event, data)
    if (this.#followers?.listening) this.#followers.publish(event, { ...data, parentId: this.#parentId })
  }
}

/** The ids of the trace and of the request, or none: what is malformed is ignored. */
export function readTraceparent(
  header: string | string[] | undefined,
): [] | [traceId: string, parentId: string] {
  if (typeof header !== 'string') return []
  const [, a, b, c, d] = traceparentPattern.exec(header) ?? []
  const [traceId = '', parentId = ''] = [a ?? c, b ?? d]
  return /[1-9a-f]/.test(traceId) && /[1-9a-f]/.test(parentId) ? [traceId, parentId] : []
}
