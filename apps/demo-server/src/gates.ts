/**
 * The gates that runs pass: those of a rule's requests, so many at a time, so many per second, the urgent first. In
 * the talks this is THR, which stood in front of a slow service.
 *
 * A run waits in the style that it runs in, and a rule holds for each style by itself: no regulator can stand
 * between two styles. While it waits, it is a run like any other: a swap leaves it where it is, a client that
 * leaves takes it out of the line, and a server that closes waits for it.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { type Call, OverloadedError, type Regulated, type Regulator, type Style } from '@overlap/workload'
import { ParseError, parseDictionary } from 'structured-headers'
import { invalid } from './problem.ts'
import type { Rule } from './rules.ts'
import type { Run } from './run.ts'

/** Of a header whose values are keys: who sends other ones again and again must not fill the memory. */
const KEY_LENGTH = 256

/** In one style, over all keys, whatever a rule says. */
const WAITING = 10_000

/** As RFC 9218 has it. */
const DEFAULT_URGENCY = 3

/** What a request has to pass. */
export interface Pass {
  readonly gate: Gate
  readonly key: string
}

export class Gates {
  readonly all: readonly Gate[]

  constructor(rules: readonly Rule[], styles: readonly Style[]) {
    this.all = rules.map((rule) => new Gate(rule, styles))
  }

  /** `undefined` for most requests, which pay one look-up for each rule. Throws a problem. */
  find(headers: IncomingHttpHeaders): readonly Pass[] | undefined {
    let passes: Pass[] | undefined
    for (const gate of this.all) {
      const { header, value } = gate.rule
      const received = headers[header]
      if (received === undefined || (value !== undefined && received !== value)) continue
      const key = String(received)
      if (key.length > KEY_LENGTH)
        throw invalid([{ field: header, expected: `at most ${KEY_LENGTH} characters`, received: key }])
      passes ??= []
      passes.push({ gate, key })
    }
    return passes
  }
}

/**
 * Does the work once the run has a place at each gate, one gate after the other, and gives the places back when
 * the work has settled. Rejects with an `OverloadedError`, or with why the run was cancelled while it waited.
 */
export async function passAll<A>(
  passes: readonly Pass[],
  { priority }: IncomingHttpHeaders,
  run: Run,
  work: () => Promise<A>,
): Promise<A> {
  const urgency = urgencyOf(priority)
  const style = run.cell.lane.style.name
  const leaves: (() => void)[] = []
  try {
    for (const { gate, key } of passes) leaves.push(await gate.enter(style, { key, urgency }, run.signal))
    run.queuedMs = run.elapsedMs
    return await work()
  } finally {
    for (const leave of leaves) leave()
  }
}

/** Source: https://www.rfc-editor.org/rfc/rfc9218, section 4: what cannot be read is ignored. */
export function urgencyOf(priority: string | string[] | undefined): number {
  if (priority === undefined) return DEFAULT_URGENCY
  try {
    const [urgency] = parseDictionary(String(priority)).get('u') ?? []
    return Number.isInteger(urgency) && Number(urgency) >= 0 && Number(urgency) <= 7
      ? Number(urgency)
      : DEFAULT_URGENCY
  } catch (error) {
    if (error instanceof ParseError) return DEFAULT_URGENCY
    throw error
  }
}

export interface GateCounts {
  readonly waiting: number
  readonly running: number
  /** Since the start. */
  readonly refused: number
  /** Of which anything runs, waits, or holds back the next one. */
  readonly keys: number
}

/** A rule in one style. */
interface Side {
  readonly regulator: Regulator
  waiting: number
  running: number
  refused: number
}

export class Gate {
  readonly rule: Rule
  readonly #sides: ReadonlyMap<string, Side>

  constructor(rule: Rule, styles: readonly Style[]) {
    this.rule = rule
    this.#sides = new Map(
      styles.map((style) => [
        style.name,
        { regulator: style.regulate(rule), waiting: 0, running: 0, refused: 0 },
      ]),
    )
  }

  /** Resolves with how to leave it again, which is to be called once. */
  async enter(style: string, request: Regulated, signal: AbortSignal): Promise<() => void> {
    const side = this.#sides.get(style)
    if (!side) throw new Error(`no regulator for ${style}`)
    side.waiting++
    try {
      if (side.waiting > WAITING) throw new OverloadedError(request.key)
      const free = await hold(side.regulator, request, signal)
      side.running++
      return () => {
        side.running--
        free()
      }
    } catch (error) {
      if (error instanceof OverloadedError) side.refused++
      throw error
    } finally {
      side.waiting--
    }
  }

  get name(): string {
    const { header, value } = this.rule
    return value === undefined ? header : `${header}: ${value}`
  }

  /** By the names of the styles. */
  stats(): [style: string, GateCounts][] {
    return [...this.#sides].map(([style, { regulator, ...counts }]) => [
      style,
      { ...counts, keys: regulator.keys },
    ])
  }
}

/**
 * Takes a place, and resolves with how to give it back. What runs there is more than a regulator could cancel, an
 * answer that is being written for instance, so it is told of an abort by the signal of its own, and keeps the
 * place until it has ended: an abort is the regulator's business only as long as one waits.
 */
function hold(regulator: Regulator, request: Regulated, signal: AbortSignal): Promise<() => void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const waiting = new AbortController()
    const leave = () => waiting.abort(signal.reason)
    signal.addEventListener('abort', leave)
    const place: Call<void, void> = (_, done) => {
      signal.removeEventListener('abort', leave)
      resolve(() => done(null))
      return () => {}
    }
    regulator.through(request, place, waiting.signal).catch(reject)
  })
}
