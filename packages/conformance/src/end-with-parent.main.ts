/**
 * A thread that ends its process when that has lost the one which has started it: the process itself may be busy with a
 * style that comes to no end, and then nothing else can end it.
 */
import process from 'node:process'
import { workerData } from 'node:worker_threads'

const parent: unknown = workerData
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL')
}, 500)
