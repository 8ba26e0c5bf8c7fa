/**
 * A thread that ends its process when one test takes longer than any does: it loops, and nobody else could end it.
 * Longer by the processor's time, of which a test takes as much on a busy machine as on a quiet one.
 */
import { workerData } from 'node:worker_threads'

/** Ten times what the longest takes. */
const MOST_MS = 10_000

// A cast, because what a thread is given has no type.
const begun = workerData as Int32Array
let last = -1
let beganAtMs = 0

setInterval(() => {
  const { user, system } = process.cpuUsage()
  const usedMs = (user + system) / 1_000
  const count = Atomics.load(begun, 0)
  if (count !== last) beganAtMs = usedMs
  last = count
  if (usedMs - beganAtMs > MOST_MS) process.kill(process.pid, 'SIGKILL')
}, 200)
