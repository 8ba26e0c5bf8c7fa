import type { Style } from '@overlap/workload'
import { combine } from './combine.ts'
import { hedge } from './hedge.ts'
import { latest } from './latest.ts'
import { limit } from './limit.ts'
import { race } from './race.ts'
import { retry } from './retry.ts'
import { sequence } from './sequence.ts'
import { shutdown } from './shutdown.ts'
import { stream } from './stream.ts'
import { timeout } from './timeout.ts'
import { transaction } from './transaction.ts'

/** Every scenario done right, with the plainest means: what is wrong with a wrong style is its own fault. */
export const right = {
  sequence,
  combine,
  timeout,
  retry,
  race,
  hedge,
  transaction,
  limit,
  stream,
  latest,
  shutdown,
} satisfies Omit<Style, 'name'>
