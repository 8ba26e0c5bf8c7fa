/** Measures one subject, as it is told by the process that has started it: see `alone-processes.ts`. Its argument is the subject. */
import { type Subject, openBatches, timeSlice, weigh } from './alone.ts'
import type { Order, Report } from './alone-processes.ts'

// A cast: whoever starts it has written it.
const subject = JSON.parse(process.argv[2] ?? '') as Subject
const batches = await openBatches(subject)

process.on('message', (order: Order) => {
  void obey(order).then((report) => process.send?.(report))
})
process.on('disconnect', () => process.exit())
process.send?.('ready')

async function obey(order: Order): Promise<Report> {
  if ('sliceMs' in order) return { slice: await timeSlice(batches, order.sliceMs) }
  // What is made once for all of them is not the price of one.
  for (let n = 0; n < 3; n++) await batches.runBatch()
  return { bytes: await weigh(subject, order.weigh) }
}
