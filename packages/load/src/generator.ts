/**
 * Sends the requests of a load.
 *
 * With a rate, the model is open: a request is sent when its time has come, on a connection that is idle, whether or
 * not those before it have been answered. Its latency counts from that time, so a server that stalls cannot hide it by
 * not being asked meanwhile (coordinated omission). Without a rate, the model is closed: each connection sends its
 * next request when the last has been answered. That finds the most that a server can do, and no overload: who waits for
 * answers asks a slow server less often.
 *
 * Several URLs have slices in turn, because two that are loaded at the same time are slowed down by each other, and
 * nobody could tell whose time it was. Rounds of slices go forwards and backwards (1 2 3, 3 2 1), so that none is always
 * behind the same other one, and what slows the machine down for a while slows all of them. A slice ends when its last
 * request has been answered.
 *
 * All connections are open before the first request: a Node server takes on one in each turn of its event loop, so that
 * otherwise it would be that which is measured. One that the server closes is replaced when it is needed.
 *
 * Source: Schroeder, Wierman, Harchol-Balter: Open Versus Closed: A Cautionary Tale (NSDI 2006)
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Address, Connection } from './connection.ts'
import { Count } from './count.ts'
import type { Load, LoadProgress, LoadReport } from './run-load.ts'

const PROGRESS_MS = 200
const SLICE_SECONDS = 1
/** After a connection has been cut off or refused. */
const PAUSE_MS = 50
/** How often it is looked whether a slice is over. */
const POLL_MS = 5

interface Target {
  readonly place: number
  readonly request: Buffer
  count: Count
}

export class LoadGenerator {
  readonly #load: Load
  readonly #address: Address
  readonly #targets: readonly Target[]
  readonly #connections = new Set<Connection>()
  readonly #idle: Connection[] = []
  /** Requests that wait for an answer. */
  #busy = 0
  /** How many more requests a closed load may send in this slice. */
  #left = 0
  #warmingUp = false
  #began = 0
  #slice: Slice
  /** When what is recent began. */
  #looked = 0

  constructor(load: Load) {
    const [{ hostname, port, host }, ...others] = load.urls.map((url) => new URL(url)) as [URL, ...URL[]]
    if (others.some((other) => other.host !== host))
      throw new RangeError('urls: expected those of one server')
    this.#load = load
    this.#address = { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 80) }
    const lines = Object.entries({ host, ...load.headers }).map(([name, value]) => `${name}: ${value}\r\n`)
    this.#targets = load.urls.map((url, place) => {
      const { pathname, search } = new URL(url)
      const request = Buffer.from(`GET ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`)
      return { place, request, count: new Count() }
    })
    // A cast: there is at least one URL.
    this.#slice = createSlice(this.#targets[0] as Target)
  }

  async run(onProgress: (progress: LoadProgress) => void): Promise<LoadReport> {
    const { until, connections, warmUpMs = 0 } = this.#load
    const targets = this.#targets
    while (this.#connections.size < connections) {
      const connection = this.#connect()
      await connection.open()
      this.#idle.push(connection)
    }
    this.#began = performance.now()
    const tell = () => onProgress(this.#progress())
    const timer = setInterval(tell, PROGRESS_MS)
    try {
      if (warmUpMs > 0) await this.#warmUp({ seconds: warmUpMs / 1000 }, tell)
      const rounds = roundsOf(this.#load)
      const slice = 'requests' in until ? until : { seconds: until.seconds / targets.length / rounds }
      for (let round = 0; round < rounds; round++)
        for (const target of round % 2 === 0 ? targets : targets.toReversed()) {
          // Told in fifths of its own seconds, and at its end.
          timer.refresh()
          await this.#run(target, slice, tell)
          tell()
        }
      return this.#report()
    } finally {
      clearInterval(timer)
      for (const connection of this.#connections) connection.close()
    }
  }

  async #warmUp(until: Load['until'], tell: () => void) {
    this.#warmingUp = true
    for (const target of this.#targets) {
      await this.#run(target, until, tell)
      target.count = new Count()
    }
    this.#warmingUp = false
  }

  /** One slice of load on one URL, until its last request has been answered, or cut off. */
  async #run(target: Target, until: Load['until'], tell: () => void) {
    const { perSecond, patienceMs = 5000 } = this.#load
    const slice = createSlice(target)
    this.#slice = slice
    this.#looked = slice.began
    const isOpen = perSecond !== undefined && 'seconds' in until
    await (isOpen ? this.#arrive(perSecond, until.seconds) : this.#goOn(until))
    const lastSent = performance.now()
    tell()
    target.count.markLastSent()
    slice.isEnding = true
    while (this.#busy > 0 && performance.now() < lastSent + patienceMs) await sleep(POLL_MS)
    const isCutOff = this.#busy > 0
    // What comes now would be taken for an answer to the next URL.
    for (const connection of this.#connections) if (connection.busy) connection.close()
    while (this.#busy > 0) await sleep(POLL_MS)
    const lastAnswer = isCutOff ? performance.now() : slice.lastAnswer
    if (isOpen) measureOpen(slice, lastSent, lastAnswer)
    else measureClosed(slice, lastAnswer)
    slice.over = true
  }

  async #arrive(perSecond: number, seconds: number): Promise<void> {
    const { count } = this.#slice.target
    const { began } = this.#slice
    const total = Math.round(perSecond * seconds)
    for (let arrived = 0; arrived < total; await sleep(1)) {
      const due = Math.min(total, ((performance.now() - began) / 1000) * perSecond)
      for (; arrived < due; arrived++) {
        const since = began + (arrived / perSecond) * 1000
        const connection = this.#idle.pop() ?? this.#connectIfMissing()
        if (connection) this.#send(connection, since)
        else count.unsent++
        count.late(performance.now() - since)
      }
    }
    // The last one has a share of the time, too.
    await sleep(Math.max(0, began + seconds * 1000 - performance.now()))
  }

  async #goOn(until: Load['until']): Promise<void> {
    this.#left = 'requests' in until ? until.requests : Infinity
    for (let count = 0; count < this.#load.connections && this.#left > 0; count++)
      this.#next(this.#idle.pop())
    if ('requests' in until) {
      while (this.#left > 0) await sleep(POLL_MS)
    } else {
      await sleep(until.seconds * 1000)
      this.#left = 0
    }
  }

  /** Sends the next request of a closed load. */
  #next(connection: Connection = this.#connect()) {
    this.#left--
    this.#send(connection, performance.now())
  }

  #send(connection: Connection, since: number) {
    this.#busy++
    connection.send(this.#slice.target.request, since)
  }

  #connect(): Connection {
    const connection = new Connection(
      this.#address,
      (one, status, ms) => this.#answered(one, status, ms),
      (one) => this.#ended(one),
    )
    this.#connections.add(connection)
    return connection
  }

  #connectIfMissing(): Connection | undefined {
    return this.#connections.size < this.#load.connections ? this.#connect() : undefined
  }

  #answered(connection: Connection, status: number, ms: number) {
    this.#busy--
    const slice = this.#slice
    slice.lastAnswer = performance.now()
    slice.firstAnswer = Math.min(slice.firstAnswer, slice.lastAnswer)
    slice.target.count.answer(status, ms)
    if (this.#left > 0) this.#next(connection.usable ? connection : undefined)
    else if (connection.usable) this.#idle.push(connection)
  }

  #ended(connection: Connection) {
    this.#connections.delete(connection)
    const index = this.#idle.indexOf(connection)
    if (index !== -1) this.#idle.splice(index, 1)
    if (!connection.busy) return
    this.#busy--
    const slice = this.#slice
    slice.lastAnswer = performance.now()
    slice.target.count.failed++
    const goOn = () => {
      if (this.#slice === slice && this.#left > 0) this.#next()
    }
    if (this.#left > 0) setTimeout(goOn, PAUSE_MS)
  }

  #progress(): LoadProgress {
    const now = performance.now()
    const { target, isEnding } = this.#slice
    const lasted = now - this.#looked
    const { count, ms } = target.count.look()
    const isRate = !isEnding && lasted >= PROGRESS_MS / 2
    const recent = !isRate ? null : { perSecond: (count / lasted) * 1000, ms }
    this.#looked = now
    return {
      elapsedMs: now - this.#began,
      url: target.place,
      warmingUp: this.#warmingUp,
      recent,
      report: this.#report(),
    }
  }

  #report(): LoadReport {
    const { target, began, over } = this.#slice
    const sliceMs = over ? 0 : performance.now() - began
    // A cast: there is at least one URL.
    return this.#targets.map((each) =>
      each.count.report(each === target ? sliceMs : 0),
    ) as unknown as LoadReport
  }
}

/** A slice of load on one URL. */
interface Slice {
  readonly target: Target
  readonly began: number
  firstAnswer: number
  /** Or the last time that one was cut off. */
  lastAnswer: number
  /** Nothing more is sent. */
  isEnding: boolean
  /** It has been added to the URL's count. */
  over: boolean
}

function createSlice(target: Target): Slice {
  const began = performance.now()
  return { target, began, firstAnswer: Infinity, lastAnswer: began, isEnding: false, over: false }
}

/** Of a closed load: its connections ask until the last answer. */
function measureClosed({ target: { count }, began }: Slice, lastAnswer: number) {
  count.ms += lastAnswer - began
  count.rateMs += lastAnswer - began
}

/**
 * Of an open load: while requests are sent, from the first answer on. What comes later is what an overloaded server
 * still has to do, with nobody asking any more. But where answers take longer than half of the slice, that
 * would leave too few, and it is all of them, from the first to the last.
 */
function measureOpen({ target: { count }, began, firstAnswer }: Slice, lastSent: number, lastAnswer: number) {
  const lasted = lastSent - began
  const steady = lastSent - firstAnswer
  count.ms += lasted
  if (steady >= lasted / 2) {
    count.rateMs += steady
    count.leaveOutLate()
  } else count.rateMs += Math.max(lasted, lastAnswer - firstAnswer)
}

/** How often each URL has a slice. */
function roundsOf({ urls, until }: Load): number {
  if ('requests' in until || urls.length === 1) return 1
  return Math.max(1, Math.floor(until.seconds / urls.length / SLICE_SECONDS))
}
