/** What the load is to be like, in the address. Scenario and styles are those that all panels are about. */
import { loadLimits } from '@overlap/load/order'
import { field, integer, oneOf } from '../../address.ts'

/** The longest delay that a run takes, in ms. */
const DELAY_MS = 10_000

export const percentiles = ['p50', 'p90', 'p99', 'max'] as const

export const modelField = field('loadModel', oneOf('closed', 'open'), 'closed')
export const connectionsField = field('loadConnections', integer(1, loadLimits.connections), 10)
export const rateField = field('loadRate', integer(1, loadLimits.perSecond), 100)
export const secondsField = field('loadSeconds', integer(1, loadLimits.seconds), 10)
export const dbMsField = field('loadDbMs', integer(0, DELAY_MS), 0)
export const httpMsField = field('loadHttpMs', integer(0, DELAY_MS), 0)
/** Which of the times is drawn. */
export const percentileField = field('loadTime', oneOf(...percentiles), 'p99')

/** Those that are numbers, with their ranges. */
export const ranges = {
  loadConnections: [1, loadLimits.connections],
  loadRate: [1, loadLimits.perSecond],
  loadSeconds: [1, loadLimits.seconds],
  loadDbMs: [0, DELAY_MS],
  loadHttpMs: [0, DELAY_MS],
} as const satisfies Readonly<Record<string, readonly [least: number, most: number]>>
