/** Before the tests of a file: sets a watchdog on them. */
import { Worker } from 'node:worker_threads'
import { beforeEach } from 'vitest'

/** How many tests have begun. */
const begun = new Int32Array(new SharedArrayBuffer(4))
new Worker(new URL('watchdog.ts', import.meta.url), { workerData: begun }).unref()
beforeEach(() => void Atomics.add(begun, 0, 1))
