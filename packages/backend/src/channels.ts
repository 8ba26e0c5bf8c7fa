/**
 * Who listens to which channel, all on one connection of their own: a pool that is busy does not hold
 * their messages up.
 *
 * The server is told LISTEN for the first listener of a channel, and UNLISTEN after the last. It is told one
 * thing at a time, and listeners come and go meanwhile; so what is asked of it next is always the
 * difference between what they want now and what it does.
 *
 * Whoever is told that it *listens* gets every message from then on, or a message without text: something
 * may have been missed, because the connection was lost and is there again. Whoever has not come so far
 * fails with the next attempt that fails, so that nobody waits for a database that is down.
 */
import { DatabaseError, type Channel, type Message } from '@overlap/workload'
import type { PgClient } from './pg-client.ts'
import { StandingConnection, type Exchange, type Pace } from './standing-connection.ts'
import { throwLater } from './throw-later.ts'
import type { Told } from './told.ts'

export class Listener {
  readonly next: (message: Message) => void
  readonly told: Told<void, DatabaseError>
  /** It has been told so: whatever is missed from now on, it must be told of. */
  listens = false

  constructor(next: (message: Message) => void, told: Told<void, DatabaseError>) {
    this.next = next
    this.told = told
  }
}

/** What is known of one channel. */
interface Entry {
  readonly channel: Channel
  readonly listeners: Set<Listener>
  /** Those who have left, while the server may still send for their sake. */
  left: Listener[]
  /** What the server does; `starting` and `stopping`: it has been asked, and has not answered yet. */
  server: 'silent' | 'starting' | 'sending' | 'stopping'
}

export class Channels implements Exchange {
  readonly #connection: StandingConnection
  readonly #entries = new Map<Channel, Entry>()
  /** Those where the server may have to be asked for something. */
  #changed = new Set<Entry>()
  /** Those that the running command is about. */
  #asked: Entry[] = []
  #listeners = 0
  #lastId = 0
  #closed = false

  constructor(createClient: () => PgClient, pace?: Pace) {
    this.#connection = new StandingConnection(createClient, this, pace)
  }

  /** Those that the server sends the messages of. */
  get open(): number {
    let open = 0
    for (const { server } of this.#entries.values()) if (server === 'sending' || server === 'stopping') open++
    return open
  }

  /** One, or none: connecting and dying ones count. */
  get connections(): number {
    return this.#connection.open
  }

  get needsConnection(): boolean {
    return this.#listeners > 0
  }

  join(channel: Channel, listener: Listener): void {
    if (this.#closed) {
      failLater(listener)
      return
    }
    const entry = this.#entries.get(channel) ?? this.#add(channel)
    entry.listeners.add(listener)
    this.#listeners++
    if (entry.server === 'sending') {
      startListening(listener)
      tellStopped(takeLeft(entry))
    } else {
      this.#changed.add(entry)
      this.#connection.wake()
    }
  }

  leave(channel: Channel, listener: Listener): void {
    if (!listener.told.cancel()) return
    const entry = this.#entries.get(channel)
    if (!entry?.listeners.has(listener)) {
      listener.told.stopped()
      return
    }
    this.#remove(entry, listener)
    if (entry.listeners.size > 0 || entry.server === 'silent') listener.told.stopped()
    else entry.left.push(listener)
    this.#connection.wake()
  }

  /** Its listeners fail. Resolves once the connection has closed. */
  close(): Promise<void> {
    this.#closed = true
    for (const entry of this.#entries.values()) {
      for (const listener of entry.listeners) {
        this.#remove(entry, listener)
        failLater(listener)
      }
    }
    return this.#connection.close()
  }

  nextCommand(): string | null {
    const changed = this.#changed
    this.#changed = new Set()
    const commands: string[] = []
    for (const entry of changed) {
      const wanted = entry.listeners.size > 0
      if (entry.server !== (wanted ? 'silent' : 'sending')) continue
      entry.server = wanted ? 'starting' : 'stopping'
      // Nothing that a channel may be called has to be escaped.
      commands.push(`${wanted ? 'LISTEN' : 'UNLISTEN'} "${entry.channel}"`)
      this.#asked.push(entry)
    }
    return commands.length === 0 ? null : commands.join('; ')
  }

  carriedOut(): void {
    const asked = this.#asked
    this.#asked = []
    for (const entry of asked) {
      if (entry.server === 'starting') this.#startSending(entry)
      else if (entry.server === 'stopping') tellStopped(this.#fallSilent(entry))
    }
  }

  refused(error: DatabaseError): void {
    const hopeless = error.code?.startsWith('28') === true
    const failing: Listener[] = []
    for (const entry of this.#entries.values()) {
      for (const listener of entry.listeners) {
        if (listener.listens && !hopeless) continue
        this.#remove(entry, listener)
        failing.push(listener)
      }
    }
    for (const { told } of failing) throwLater(() => told.fail(error))
  }

  lost(): void {
    this.#asked = []
    const left: Listener[] = []
    for (const entry of this.#entries.values()) left.push(...this.#fallSilent(entry))
    tellStopped(left)
  }

  notified(channel: string, text: string): void {
    const entry = this.#entries.get(channel)
    // The first messages may come before the answer to LISTEN does.
    if (entry?.server === 'starting') this.#startSending(entry)
    const message = { id: ++this.#lastId, channel, text }
    // Those that come before the answer to UNLISTEN are not for whoever has joined since: it would miss what is
    // sent until the next LISTEN.
    if (entry?.server !== 'sending') return
    // Whoever joins from within is not among them.
    const listeners = [...entry.listeners]
    for (const listener of listeners) deliver(listener, message)
  }

  #add(channel: Channel): Entry {
    const entry: Entry = { channel, listeners: new Set(), left: [], server: 'silent' }
    this.#entries.set(channel, entry)
    return entry
  }

  #remove(entry: Entry, listener: Listener) {
    entry.listeners.delete(listener)
    this.#listeners--
    if (entry.listeners.size > 0) return
    if (entry.server === 'silent') this.#forget(entry)
    else this.#changed.add(entry)
  }

  #startSending(entry: Entry) {
    entry.server = 'sending'
    let missed: Message | undefined
    const listeners = [...entry.listeners]
    for (const listener of listeners) {
      if (!listener.listens) startListening(listener)
      else deliver(listener, (missed ??= { id: ++this.#lastId, channel: entry.channel, text: null }))
    }
  }

  /** Hands back who must be told that it has stopped. */
  #fallSilent(entry: Entry): Listener[] {
    entry.server = 'silent'
    if (entry.listeners.size > 0) this.#changed.add(entry)
    else this.#forget(entry)
    return takeLeft(entry)
  }

  #forget(entry: Entry) {
    this.#entries.delete(entry.channel)
    this.#changed.delete(entry)
  }
}

function startListening(listener: Listener) {
  if (listener.told.over) return
  listener.listens = true
  listener.told.sent()
}

function deliver(listener: Listener, message: Message) {
  if (!listener.told.over) throwLater(() => listener.next(message))
}

function takeLeft(entry: Entry): Listener[] {
  const { left } = entry
  entry.left = []
  return left
}

function tellStopped(left: readonly Listener[]) {
  for (const { told } of left) told.stopped()
}

function failLater(listener: Listener) {
  process.nextTick(() => listener.told.fail(new DatabaseError('the port is closed')))
}
