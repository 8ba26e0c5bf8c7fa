import type { Style } from '@overlap/workload'
import { batch } from './batch.ts'
import { combine } from './combine.ts'
import { echo } from './echo.ts'
import { hedge } from './hedge.ts'
import { latest } from './latest.ts'
import { limit } from './limit.ts'
import { race } from './race.ts'
import { regulate } from './regulate.ts'
import { retry } from './retry.ts'
import { sequence } from './sequence.ts'
import { shutdown } from './shutdown.ts'
import { stream } from './stream.ts'
import { subscribe } from './subscribe.ts'
import { thumbnails } from './thumbnails.ts'
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
  batch,
  thumbnails,
  subscribe,
  regulate,
  shutdown,
  echo,
} satisfies Omit<Style, 'name'>
