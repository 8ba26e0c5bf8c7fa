import type { Style } from '@overlap/workload'
import { combine } from './combine.ts'
import { sequence } from './sequence.ts'
import { shutdown } from './shutdown.ts'
import { timeout } from './timeout.ts'
import { transaction } from './transaction.ts'

/** Every scenario done right, with the plainest means: what is wrong with a wrong style is its own fault. */
export const right = { sequence, combine, timeout, transaction, shutdown } satisfies Omit<Style, 'name'>
