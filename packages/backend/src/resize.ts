/**
 * Makes a thumbnail of a picture, on a worker thread.
 *
 * Cancelling it while it waits for a thread leaves the queue, and it never runs. A thread that is at work on a
 * picture cannot be stopped in the middle: its answer is dropped, and the thread is free again some
 * milliseconds later.
 */
import {
  PictureError,
  type Call,
  type Done,
  type PictureWidth,
  type Thumbnail,
  type WorkerError,
} from '@overlap/workload'
import type { ResizeAnswer, ResizeJob } from './resize.main.ts'
import { Told } from './told.ts'
import type { Watcher } from './watcher.ts'
import type { WorkerClient, Workers } from './workers.ts'

type ResizeError = PictureError | WorkerError

export function createResize(workers: Workers, watcher: Watcher): Call<PictureWidth, Thumbnail, ResizeError> {
  return (input, done) => {
    const call = new ResizeCall(workers, input, done, watcher)
    workers.enter(call)
    return () => call.cancel()
  }
}

class ResizeCall implements WorkerClient {
  readonly job: ResizeJob
  readonly #workers: Workers
  readonly #address: string
  readonly #told: Told<Thumbnail, ResizeError>

  constructor(
    workers: Workers,
    { picture, width }: PictureWidth,
    done: Done<Thumbnail, ResizeError>,
    watcher: Watcher,
  ) {
    this.job = { bytes: picture.bytes, width }
    this.#workers = workers
    this.#address = picture.address
    this.#told = new Told('resize', done, watcher)
  }

  taken(): void {
    this.#told.sent()
  }

  answered(answer: ResizeAnswer): void {
    if (this.#told.over) this.#told.stopped()
    else if ('fault' in answer) this.#told.fail(new PictureError(`${this.#address}: ${answer.fault}`))
    else this.#told.succeed(answer)
  }

  failed(error: WorkerError): void {
    if (this.#told.over) this.#told.stopped()
    else this.#told.fail(error)
  }

  cancel(): void {
    if (this.#told.cancel() && this.#workers.leave(this)) this.#told.stopped()
  }
}
