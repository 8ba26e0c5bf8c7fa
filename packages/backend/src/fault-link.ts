/**
 * One direction of a connection through a fault proxy: what comes from one socket goes through the stages of the
 * toxics, in their order, and then to the other socket.
 *
 * All of it is synchronous, so a toxic comes, goes or changes between two chunks, and never within one.
 */
import type { Socket } from 'node:net'
import { createStage, type Flow, type Stage } from './toxic-stages.ts'
import type { Toxic } from './toxics.ts'

/** A source that is this far ahead is not read from. */
const HELD_BYTES = 1024 * 1024

interface Station {
  readonly toxic: Toxic
  readonly stage: Stage
  next: (flow: Flow) => void
}

export class FaultLink {
  readonly #source: Socket
  readonly #target: Socket
  readonly #random: () => number
  #stations: readonly Station[] = []

  constructor(source: Socket, target: Socket, random: () => number) {
    this.#source = source
    this.#target = target
    this.#random = random
    source.on('data', (data: Buffer) => this.#enter(data))
    source.on('end', () => this.#enter('end'))
    source.on('error', () => this.#enter('reset'))
    target.on('drain', () => this.#regulate())
  }

  /**
   * The toxics that hold from now on. One that was there before, the very same object, goes on with what it
   * holds. What the others hold goes on at once, before all that comes later.
   */
  setToxics(toxics: readonly Toxic[]): void {
    const before = this.#stations
    let from = 0
    const after = toxics.map((toxic) => {
      // Only behind those that are kept already: two that have changed places would change the order of their data.
      const index = before.findIndex((station, at) => at >= from && station.toxic === toxic)
      const kept = before[index]
      if (!kept) return this.#createStation(toxic)
      from = index + 1
      return kept
    })
    for (const station of before) if (!after.includes(station)) station.stage.release()
    for (const [index, station] of after.entries()) {
      const following = after[index + 1]?.stage
      station.next = (flow) => (following ? following.take(flow) : this.#leave(flow))
    }
    this.#stations = after
  }

  /** For when both sockets have closed. */
  stop(): void {
    for (const { stage } of this.#stations) stage.stop()
  }

  #createStation(toxic: Toxic): Station {
    const stage = createStage(toxic, (flow) => station.next(flow), this.#random)
    const station: Station = { toxic, stage, next: () => {} }
    return station
  }

  #enter(flow: Flow) {
    const [first] = this.#stations
    if (first) first.stage.take(flow)
    else this.#leave(flow)
    this.#regulate()
  }

  #leave(flow: Flow) {
    if (flow === 'reset') for (const socket of [this.#target, this.#source]) reset(socket)
    // Once what has been handed to them is sent.
    else if (flow === 'close') for (const socket of [this.#target, this.#source]) socket.destroySoon()
    else if (this.#target.writable) {
      if (flow === 'end') this.#target.end()
      else this.#target.write(flow)
    }
    this.#regulate()
  }

  #regulate() {
    let heldBytes = 0
    for (const { stage } of this.#stations) heldBytes += stage.heldBytes
    if (heldBytes >= HELD_BYTES || this.#target.writableNeedDrain) this.#source.pause()
    else this.#source.resume()
  }
}

/**
 * One that is connecting could be reset only later, and one that is sending the end of its output not at all: Node
 * would lose it, open. Both are closed.
 */
function reset(socket: Socket) {
  if (socket.connecting || (socket.writableEnded && !socket.writableFinished)) socket.destroy()
  else socket.resetAndDestroy()
}
