import { type RegulateInput, URGENCY_LIMIT } from './inputs.ts'

/** Somebody in a line: to leave it, one hands this back. */
export interface Waiting<A> {
  readonly value: A
}

/**
 * Who goes next, and when, of those who wait for a place: the pure half of a regulator. How many places there
 * are, and how one waits and is woken, is not its business.
 *
 * The smallest rank goes first, which is the time of arrival and `agingMs` for each step of urgency. So within
 * an urgency it is arrival that counts: each has a list of its own, and the next is the best of eight heads.
 * Everything takes constant time, however many wait.
 */
export class WaitingLine<A> {
  readonly #agingMs: number
  readonly #spacingMs: number
  readonly #lists = Array.from({ length: URGENCY_LIMIT + 1 }, (): List<A> => ({ first: null, last: null }))
  #arrivals = 0
  #size = 0
  #nextStartMs = -Infinity

  constructor({ agingMs, perSecond }: Pick<RegulateInput, 'agingMs' | 'perSecond'>) {
    this.#agingMs = agingMs
    this.#spacingMs = perSecond === undefined ? 0 : Math.ceil(1_000 / perSecond)
  }

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  /** Joins the line. `nowMs` is that of a clock that never goes back, here and below. */
  add(value: A, urgency: number, nowMs: number): Waiting<A> {
    const list = this.#lists[urgency]
    if (!list) throw new RangeError(`there is no urgency ${urgency}`)
    this.#size++
    return new Entry(list, value, nowMs + urgency * this.#agingMs, this.#arrivals++)
  }

  /** Leaves the line. Tells whether it was still in it. */
  remove(waiting: Waiting<A>): boolean {
    const wasThere = waiting instanceof Entry && waiting.unlink()
    if (wasThere) this.#size--
    return wasThere
  }

  /** Takes out whoever starts now, if anybody waits, and the last start is long enough ago. */
  take(nowMs: number): A | undefined {
    if (this.#size === 0 || this.restMs(nowMs) > 0) return undefined
    let best: Entry<A> | null = null
    for (const { first } of this.#lists) if (first && (!best || first.goesBefore(best))) best = first
    if (!best) return undefined
    this.remove(best)
    this.#nextStartMs = nowMs + this.#spacingMs
    return best.value
  }

  /** For how long nobody may start yet, in whole ms: a timer of as many is over when somebody may. */
  restMs(nowMs: number): number {
    return Math.max(Math.ceil(this.#nextStartMs - nowMs), 0)
  }

  /** Whether nobody waits, and whoever came now could start: then there is nothing to remember. */
  isIdle(nowMs: number): boolean {
    return this.#size === 0 && this.restMs(nowMs) === 0
  }
}

interface List<A> {
  first: Entry<A> | null
  last: Entry<A> | null
}

class Entry<A> implements Waiting<A> {
  readonly value: A
  readonly #rank: number
  readonly #arrival: number
  #list: List<A> | null
  #before: Entry<A> | null
  #after: Entry<A> | null = null

  /** It comes last in its list. */
  constructor(list: List<A>, value: A, rank: number, arrival: number) {
    this.value = value
    this.#rank = rank
    this.#arrival = arrival
    this.#list = list
    this.#before = list.last
    if (list.last) list.last.#after = this
    else list.first = this
    list.last = this
  }

  goesBefore(other: Entry<A>): boolean {
    return this.#rank === other.#rank ? this.#arrival < other.#arrival : this.#rank < other.#rank
  }

  /** Tells whether it was still in its list. */
  unlink(): boolean {
    const list = this.#list
    if (!list) return false
    if (this.#before) this.#before.#after = this.#after
    else list.first = this.#after
    if (this.#after) this.#after.#before = this.#before
    else list.last = this.#before
    // So that whoever holds a place still does not hold its neighbours of then.
    this.#list = this.#before = this.#after = null
    return true
  }
}
