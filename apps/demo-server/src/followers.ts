/**
 * The clients that follow the feed now, by the way that they follow it in, and the one timer that keeps all of
 * their connections alive.
 *
 * Each is sent a beat every 15 s, so that proxies do not close a connection where nothing happens, and one that is
 * gone is found. At every tick it is another part of them, so that thousands do not hold up the event loop at once.
 */

export const ways = ['long-poll', 'events', 'websocket'] as const

export type Way = (typeof ways)[number]

export interface Follower {
  readonly way: Way
  /** Sends a sign of life, or lets go of a connection that did not take the one before. */
  beat(): void
  /** Closes its connection at once. */
  destroy(): void
}

/** In how many parts a round of beats goes. */
const PARTS = 15

export class Followers {
  readonly #most: number
  readonly #beatMs: number
  readonly #parts: readonly Set<Follower>[] = Array.from({ length: PARTS }, () => new Set())
  readonly #counts: Record<Way, number> = { 'long-poll': 0, events: 0, websocket: 0 }
  readonly #dropped: Record<Way, number> = { 'long-poll': 0, events: 0, websocket: 0 }
  #size = 0
  #added = 0
  #next = 0
  #timer: NodeJS.Timeout | undefined

  /** `beatMs`: between two beats of one of them. */
  constructor(most: number, beatMs: number) {
    this.#most = most
    this.#beatMs = beatMs
  }

  get full(): boolean {
    return this.#size >= this.#most
  }

  get counts(): Readonly<Record<Way, number>> {
    return this.#counts
  }

  /** How many were let go because they were too slow, or did not take their beats. */
  get dropped(): Readonly<Record<Way, number>> {
    return this.#dropped
  }

  /** Hands back how to remove it, which is to be called once. */
  add(follower: Follower): () => void {
    const part = this.#parts[this.#added++ % PARTS]
    part?.add(follower)
    this.#size++
    this.#counts[follower.way]++
    this.#timer ??= setInterval(() => this.#beat(), this.#beatMs / PARTS).unref()
    return () => {
      part?.delete(follower)
      this.#size--
      this.#counts[follower.way]--
      if (this.#size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  countDropped(way: Way): void {
    this.#dropped[way]++
  }

  destroy(): void {
    for (const part of this.#parts) for (const follower of part) follower.destroy()
  }

  #beat() {
    this.#next = (this.#next + 1) % PARTS
    for (const follower of this.#parts[this.#next] ?? []) follower.beat()
  }
}
