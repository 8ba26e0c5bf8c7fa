/**
 * The newest messages of the channels that somebody follows, so that whoever comes back is given what came
 * meanwhile.
 *
 * A channel is listened to from the first time that somebody follows it until nobody has for a while: a client
 * that polls is absent between two polls. Messages are numbered here, over all channels, in the order of their
 * arrival. A channel has a number too, that of the last message that may have been missed: at first when
 * it was opened, and later that of the newest one that there was no more room for. Who comes back from before it is
 * given a message whose text is `null`, under this number, so that nothing is lost in silence.
 *
 * Numbers begin anew with each process. So an id as clients see it has the log's epoch in front of the number, and
 * one of another epoch is from before everything.
 */
import { randomBytes } from 'node:crypto'
import type { Observe } from '@overlap/backend'
import type { Cancel, Channel, DatabaseError, Message, Source } from '@overlap/workload'
import type { ServerPort } from './context.ts'
import { unavailable } from './problem.ts'

export interface LogLimits {
  /** Messages that are kept, of all channels together. */
  readonly messages: number
  /** And the bytes of their texts. */
  readonly bytes: number
  /** Channels that are listened to at the same time. */
  readonly channels: number
  /** How long a channel that nobody follows is listened to. */
  readonly idleMs: number
}

export const LOG_LIMITS: LogLimits = {
  messages: 10_000,
  bytes: 16 * 1024 * 1024,
  channels: 1000,
  idleMs: 60_000,
}

/** One that follows one channel now. */
interface Listener {
  readonly reader: FeedReader
  readonly next: (message: Message) => void
  readonly done: (error: DatabaseError) => void
}

/** A channel that is listened to. */
interface Track {
  readonly channel: Channel
  /** The number of the last message that may have been missed: all that came later are in the log. */
  missed: number
  /** Resolves when it is certain that each message comes. */
  readonly open: PromiseWithResolvers<void>
  cancel: Cancel
  failure: DatabaseError | undefined
  readonly listeners: Set<Listener>
  /** How many have it read, whether they listen now or not. */
  readers: number
  /** When the last of them left. */
  idleSince: number
}

export class FeedLog {
  readonly #port: Pick<ServerPort, 'forRun'>
  readonly #limits: LogLimits
  readonly #epoch = randomBytes(4).toString('hex')
  readonly #tracks = new Map<Channel, Track>()
  /** In the order of their numbers. Those before `#first` are forgotten. */
  #messages: Message[] = []
  #first = 0
  #bytes = 0
  #lastNumber = 0
  #sweep: NodeJS.Timeout | undefined

  constructor(port: Pick<ServerPort, 'forRun'>, limits: LogLimits) {
    this.#port = port
    this.#limits = limits
  }

  get stats() {
    return {
      channels: this.#tracks.size,
      messages: this.#messages.length - this.#first,
      bytes: this.#bytes,
    }
  }

  get lastNumber(): number {
    return this.#lastNumber
  }

  /** As clients see it. */
  idOf(number: number): string {
    return `${this.#epoch}-${number}`
  }

  /** 0, when it is the id of another epoch, or none that has been given. */
  numberOf(id: string): number {
    const [epoch, digits] = id.split('-')
    const number = Number(digits)
    return epoch === this.#epoch && number <= this.#lastNumber ? number : 0
  }

  /** From after the message with this id; from now on when there is none. To be closed. Throws when there are too many channels. */
  read(channels: readonly Channel[], after: string | null): FeedReader {
    const fresh = channels.filter((channel) => !this.#tracks.has(channel)).length
    if (fresh > 0 && this.#tracks.size + fresh > this.#limits.channels)
      throw unavailable('As many channels are followed as can be.')
    const tracks = channels.map((channel) => this.#tracks.get(channel) ?? this.#open(channel))
    return new FeedReader(this, tracks, after === null ? this.#lastNumber : this.numberOf(after))
  }

  /** The next messages after a number, at most so many. */
  after(number: number, tracks: readonly Track[], most: number): Message[] {
    const found = tracks
      .filter(({ missed }) => missed > number)
      .map(({ channel, missed }): Message => ({ id: missed, channel, text: null }))
    const channels = new Set(tracks.map(({ channel }) => channel))
    const end = found.length + most
    for (let i = this.#indexAfter(number); i < this.#messages.length && found.length < end; i++) {
      const message = this.#messages[i]
      if (message && channels.has(message.channel)) found.push(message)
    }
    return found.toSorted((a, b) => a.id - b.id).slice(0, most)
  }

  close(): void {
    clearInterval(this.#sweep)
    for (const track of this.#tracks.values()) track.cancel()
    this.#tracks.clear()
  }

  #open(channel: Channel): Track {
    const track: Track = {
      channel,
      missed: ++this.#lastNumber,
      open: Promise.withResolvers(),
      cancel: () => {},
      failure: undefined,
      listeners: new Set(),
      readers: 0,
      idleSince: performance.now(),
    }
    // Who waits for it has left, perhaps.
    track.open.promise.catch(() => {})
    this.#tracks.set(channel, track)
    this.#sweep ??= setInterval(() => this.#closeIdle(), this.#limits.idleMs / 2).unref()
    const observe: Observe = (_call, event) => {
      if (event === 'sent') track.open.resolve()
    }
    const fail = (error: DatabaseError) => {
      this.#forget(track)
      track.failure = error
      track.open.reject(error)
      for (const { done } of track.listeners) done(error)
    }
    try {
      const source = this.#port.forRun({ dbMs: 0, httpMs: 0, observe }).listen(channel)
      track.cancel = source(
        ({ text }) => this.#add(track, text),
        (error) => fail(error as DatabaseError),
      )
    } catch (error) {
      fail(error as DatabaseError)
    }
    return track
  }

  #add(track: Track, text: string | null) {
    const message = { id: ++this.#lastNumber, channel: track.channel, text }
    this.#messages.push(message)
    this.#bytes += bytesOf(message)
    this.#trim()
    for (const listener of track.listeners) listener.reader.give(listener, message)
  }

  #trim() {
    const { messages, bytes } = this.#limits
    while (this.#messages.length - this.#first > messages || this.#bytes > bytes) {
      const message = this.#messages[this.#first++]
      if (!message) break
      this.#bytes -= bytesOf(message)
      const track = this.#tracks.get(message.channel)
      if (track && track.missed < message.id) track.missed = message.id
    }
    // Not at every message: what is behind moves up.
    if (this.#first * 2 <= this.#messages.length) return
    this.#messages = this.#messages.slice(this.#first)
    this.#first = 0
  }

  /** Where the first message is whose number is greater. */
  #indexAfter(number: number): number {
    let [low, high] = [this.#first, this.#messages.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#messages[middle]?.id ?? 0) > number) high = middle
      else low = middle + 1
    }
    return low
  }

  #closeIdle() {
    const before = performance.now() - this.#limits.idleMs
    for (const track of this.#tracks.values()) {
      if (track.readers > 0 || track.idleSince > before) continue
      track.cancel()
      this.#forget(track)
    }
  }

  #forget(track: Track) {
    if (this.#tracks.get(track.channel) === track) this.#tracks.delete(track.channel)
    if (this.#tracks.size > 0) return
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }
}

/** Reads some channels, from a position on: what is there already with `take`, and what comes then with `listen`. */
export class FeedReader {
  /** The number of the last message that it has been given. */
  position: number
  /** Called when those who listened are no longer told of anything: with the failure of a channel, or because they have cancelled. */
  onEnd: ((failure?: DatabaseError) => void) | undefined
  readonly #log: FeedLog
  readonly #tracks: readonly Track[]
  readonly #listeners = new Map<Listener, Track>()
  #live = false
  #closed = false

  constructor(log: FeedLog, tracks: readonly Track[], position: number) {
    this.#log = log
    this.#tracks = tracks
    this.position = position
    for (const track of tracks) track.readers++
  }

  /** Resolves when nothing is missed any more. Rejects with a `DatabaseError`. */
  async open(): Promise<void> {
    await Promise.all(this.#tracks.map(({ open }) => open.promise))
  }

  /** The next messages, at most so many. */
  take(most: number): Message[] {
    const messages = this.#log.after(this.position, this.#tracks, most)
    this.position = messages.at(-1)?.id ?? this.position
    return messages
  }

  /** Goes back to a position, for who has not got what it was given since. Nobody may be listening. */
  goBack(position: number): void {
    this.position = position
    this.#live = false
  }

  /**
   * As of a port. Begins when all channels are listened to, with what came since the last `take`, and goes on with
   * what comes: without a gap, each once, and in the order of their numbers.
   */
  readonly listen = (channel: Channel): Source<Message, DatabaseError> => {
    const track = this.#tracks.find((each) => each.channel === channel)
    if (!track) throw new RangeError(`${channel} is not among the channels that are read`)
    return (next, done) => {
      const listener: Listener = { reader: this, next, done: (error) => this.#fail(done, error) }
      this.#listeners.set(listener, track)
      track.listeners.add(listener)
      // Only then, because a source must have returned before it begins.
      if (this.#listeners.size === this.#tracks.length) setImmediate(() => this.#begin())
      return () => {
        track.listeners.delete(listener)
        if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.onEnd?.()
      }
    }
  }

  give(listener: Listener, message: Message): void {
    // Before it is live, it stays in the log.
    if (!this.#live) return
    this.position = message.id
    listener.next(message)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const track of this.#tracks) {
      track.readers--
      track.idleSince = performance.now()
    }
  }

  #begin() {
    if (this.#live || this.#listeners.size < this.#tracks.length) return
    const listeners = new Map([...this.#listeners].map(([listener, { channel }]) => [channel, listener]))
    this.#live = true
    for (const message of this.take(Infinity)) {
      const listener = listeners.get(message.channel)
      // It may have left because of the message before.
      if (listener && this.#listeners.has(listener)) listener.next(message)
    }
    for (const [listener, { failure }] of this.#listeners) if (failure) listener.done(failure)
  }

  #fail(done: (error: DatabaseError) => void, error: DatabaseError) {
    // Before it is live, its source may not have returned yet.
    if (!this.#live) return
    // Before `done`, which cancels the others: who is told of that first would not know why.
    this.onEnd?.(error)
    done(error)
  }
}

const bytesOf = ({ text }: Message) => (text === null ? 0 : Buffer.byteLength(text))
