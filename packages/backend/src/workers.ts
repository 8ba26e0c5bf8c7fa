/**
 * The worker threads, and the queue in front of them.
 *
 * piscina starts the threads, hands them their work and ends them. It is given no more than there are threads
 * for, because it tells nobody when a thread takes a job, and stops a job that runs by ending its thread. That would
 * stop nothing: sharp computes on libuv's threads, which finish their picture first, and the next picture
 * would have to wait for a new thread as well. So one who waits can leave at once, and one who is served cannot.
 */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { WorkerError } from '@overlap/workload'
import { Piscina } from 'piscina'
import type { ResizeAnswer, ResizeJob } from './resize.main.ts'
import { throwLater } from './throw-later.ts'

/** A thread that has had nothing to do for so long is ended. */
const IDLE_MS = 2_000

/** libuv's threads are the process's, 4 unless it was started with another number. */
const LIBUV_THREADS = Number(process.env['UV_THREADPOOL_SIZE']) || 4

/** One processor stays for the event loop, and one of libuv's threads for files and host names. */
const MAX_THREADS = Math.max(1, Math.min(availableParallelism(), LIBUV_THREADS) - 1)

/** Whoever has something to be resized. One of the last two is called at the end, once, and never synchronously. */
export interface WorkerClient {
  readonly job: ResizeJob
  /** May be called synchronously. */
  taken(): void
  answered(answer: ResizeAnswer): void
  failed(error: WorkerError): void
}

export interface WorkerStats {
  /** Resizes that threads are at work on, those among them that were cancelled too. */
  readonly running: number
  /** Resizes that wait for a thread. */
  readonly waiting: number
}

export class Workers {
  /** In the order in which they came. */
  readonly #waiting = new Set<WorkerClient>()
  #running = 0
  /** There is none before the first resize. */
  #pool: Piscina<ResizeJob, ResizeAnswer> | undefined
  /** Why the last thread could not be started. */
  #obstacle: unknown
  #closing: Promise<void> | undefined

  enter(client: WorkerClient): void {
    if (this.#closing) this.#refuse(client)
    else {
      this.#waiting.add(client)
      this.#serve()
    }
  }

  /** Leaves the queue. `false`: it is not there, and will be told how it ends. */
  leave(client: WorkerClient): boolean {
    return this.#waiting.delete(client)
  }

  stats(): WorkerStats {
    return { running: this.#running, waiting: this.#waiting.size }
  }

  /** Fails what waits and what runs, and resolves once every thread has ended: with the picture that it is at. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close() {
    for (const client of this.#waiting) this.#refuse(client)
    this.#waiting.clear()
    await this.#pool?.destroy()
  }

  #refuse(client: WorkerClient) {
    process.nextTick(() => client.failed(new WorkerError('the port is closed')))
  }

  #serve() {
    while (this.#running < MAX_THREADS) {
      const [client] = this.#waiting
      if (client === undefined) return
      this.#waiting.delete(client)
      this.#running++
      client.taken()
      this.#pool ??= this.#open()
      this.#pool.run(client.job).then(
        (answer) => this.#settle(() => client.answered(answer)),
        (cause: unknown) => this.#settle(() => client.failed(this.#toError(cause))),
      )
    }
  }

  /** Tells first: one who fails may take others out of the queue. */
  #settle(tell: () => void) {
    this.#running--
    throwLater(tell)
    this.#serve()
  }

  #toError(cause: unknown): WorkerError {
    if (this.#closing) return new WorkerError('the port is closed')
    return new WorkerError('a worker thread has failed', { cause: this.#obstacle ?? cause })
  }

  #open() {
    const pool = new Piscina<ResizeJob, ResizeAnswer>({
      filename: fileURLToPath(new URL('./resize.main.ts', import.meta.url)),
      minThreads: 0,
      maxThreads: MAX_THREADS,
      idleTimeout: IDLE_MS,
      recordTiming: false,
    })
    // A thread that dies without a job: while it starts, or while it idles.
    pool.on('error', (error) => (this.#obstacle = error))
    pool.on('workerCreate', () => (this.#obstacle = undefined))
    // piscina leaves a job in its queue when the thread that was started for it never came up.
    pool.on('workerDestroy', () =>
      process.nextTick(() => {
        if (pool.queueSize > 0 && pool.threads.length === 0) void pool.destroy()
      }),
    )
    return pool
  }
}
