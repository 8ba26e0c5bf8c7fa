/**
 * The feed: the messages of channels, for whoever asks, in whichever way. The routes read the requests, and the rest
 * is here.
 *
 * Who waits or follows does so in a style, and is a run of it that never ends of itself: a swap lets it go on in
 * the style that it began in, and when the server closes it is told at once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseError, type Message, OverflowError, type Port } from '@overlap/workload'
import type { Context, ServerPort } from './context.ts'
import { FeedLog, type FeedReader, LOG_LIMITS, type LogLimits } from './feed-log.ts'
import { PAGE, follow } from './follow.ts'
import { Followers } from './followers.ts'
import type { Lanes } from './lanes.ts'
import type { Metrics } from './metrics.ts'
import type { Outlet } from './outlets.ts'
import { channels, count, integer, messageId, nameOf } from './parameters.ts'
import { closing, logDefect, unavailable } from './problem.ts'
import { type RunQuery, type Values, createRunQuery } from './run-query.ts'
import { type Cell, Run } from './run.ts'
import { ClientLeftError, type Runs } from './runs.ts'

export interface FeedLimits extends LogLimits {
  /** Clients that wait or follow at the same time. */
  readonly followers: number
  /** Between two signs of life on a connection. */
  readonly beatMs: number
}

const LIMITS: FeedLimits = { ...LOG_LIMITS, followers: 10_000, beatMs: 15_000 }

/** How long the database may take until a channel is listened to. */
const OPEN_MS = 5000

export interface FeedOptions {
  readonly port: Pick<ServerPort, 'forRun'>
  readonly lanes: Lanes
  readonly runs: Runs
  readonly metrics: Metrics
  readonly log: Context['log']
  readonly limits?: Partial<FeedLimits> | undefined
}

const createTable = (cells: ReadonlyMap<string, Cell>) => ({
  channels,
  after: messageId('The last message that is known: those after it. From now on when it is absent.'),
  waitMs: integer(0, 30_000, 0, 'How many milliseconds to wait for a message when there is none.'),
  capacity: count(1, 100, 'How many messages may be unread while one is being sent.'),
  style: nameOf(cells, 'For who waits or follows; the active style when absent.'),
})

export type FeedValues = Values<ReturnType<typeof createTable>>

export class Feed {
  readonly query: RunQuery<ReturnType<typeof createTable>>
  readonly log: FeedLog
  readonly followers: Followers
  readonly #port: Pick<ServerPort, 'forRun'>
  /** What a style is given, but for its `listen`, which is each reader's. Nothing else of it is called. */
  #rest: Port | undefined
  readonly #lanes: Lanes
  readonly #runs: Runs
  readonly #log: Context['log']
  readonly #cells: ReadonlyMap<string, Cell>

  constructor({ port, lanes, runs, metrics, log, limits }: FeedOptions) {
    const { followers, beatMs, ...logLimits } = { ...LIMITS, ...limits }
    this.log = new FeedLog(port, logLimits)
    this.followers = new Followers(followers, beatMs)
    this.#port = port
    this.#lanes = lanes
    this.#runs = runs
    this.#log = log
    this.#cells = new Map(
      [...lanes.values()].map((lane) => {
        const style = lane.style.name
        return [style, { scenario: 'feed', lane, tally: metrics.createTally('feed', style), runs }]
      }),
    )
    this.query = createRunQuery(createTable(this.#cells))
    metrics.showFeed(this.log, this.followers)
  }

  /** Resolves with a reader that misses nothing from now on. It is to be closed. */
  async read({ channels: names, after }: FeedValues): Promise<FeedReader> {
    if (this.#runs.closing) throw closing()
    const reader = this.log.read(names, after)
    const timer = new AbortController()
    try {
      await Promise.race([
        reader.open(),
        sleep(OPEN_MS, undefined, { signal: timer.signal, ref: false }).then(() => {
          throw new DatabaseError('the channels could not be listened to in time', { code: 'ETIMEDOUT' })
        }),
      ])
      if (this.#runs.closing) throw closing()
      return reader
    } catch (error) {
      reader.close()
      throw error
    } finally {
      timer.abort()
    }
  }

  /** A run for who waits or follows, which has not begun. Throws when there are too many. */
  createRun({ style }: FeedValues): Run {
    if (this.followers.full) throw unavailable('As many clients are following as can be served.')
    const cell = style ?? this.#cells.get(this.#lanes.active.style.name)
    if (!cell) throw new Error(`no cell for ${this.#lanes.active.style.name}`)
    return new Run(cell, { byDefault: style === null, endless: true })
  }

  /** Resolves with what comes next, or with nothing when nothing comes for so long. Begins the run and settles it. */
  async next(reader: FeedReader, values: FeedValues, run: Run): Promise<Message[]> {
    const { position } = reader
    const remove = this.followers.add({ way: 'long-poll', beat() {}, destroy() {} })
    run.begin()
    const messages = this.#subscribe(reader, values, run)[Symbol.asyncIterator]()
    const timer = setTimeout(() => void messages.return?.(), values.waitMs)
    try {
      const { done } = await messages.next().catch(overflown)
      run.settle('succeeded')
      reader.goBack(position)
      // What came with the first one is in the log too.
      return done ? [] : reader.take(PAGE)
    } catch (error) {
      run.settle(run.signal.aborted ? 'cancelled' : 'failed')
      throw error
    } finally {
      clearTimeout(timer)
      remove()
      await messages.return?.()
    }
  }

  /** Sends what was missed and what comes, until somebody leaves. Begins the run and settles it, and closes the reader. */
  async follow(reader: FeedReader, values: FeedValues, run: Run, outlet: Outlet): Promise<void> {
    run.begin()
    const error = await follow({
      reader,
      run,
      capacity: values.capacity,
      start: () => this.#subscribe(reader, values, run),
      send: (message, sent) => outlet.send(message, sent),
    })
    const tooSlow = error instanceof OverflowError
    if (tooSlow) this.followers.countDropped(outlet.way)
    run.settle(run.signal.aborted && !tooSlow ? 'cancelled' : 'failed')
    if (error instanceof ClientLeftError) return
    if (!run.signal.aborted) logDefect(this.#log, error)
    outlet.end(error)
  }

  close(): void {
    this.followers.destroy()
    this.log.close()
  }

  #subscribe(reader: FeedReader, { channels: names, capacity }: FeedValues, run: Run) {
    this.#rest ??= this.#port.forRun({ dbMs: 0, httpMs: 0 })
    const port = { ...this.#rest, listen: reader.listen }
    return run.cell.lane.style.subscribe(port, { channels: names, capacity }, run.signal)
  }
}

/** So much has come at once that there is something to be read. */
function overflown(error: unknown): { readonly done: false } {
  if (error instanceof OverflowError) return { done: false }
  throw error
}
