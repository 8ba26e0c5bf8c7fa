import type { Style } from '@overlap/workload'
import { combine } from './combine.ts'
import { hedge } from './hedge.ts'
import { race } from './race.ts'
import { sequence } from './sequence.ts'
import { timeout } from './timeout.ts'

/** Every scenario done right, with the plainest means: what is wrong with a wrong style is its own fault. */
export const right = { sequence, combine, timeout, race, hedge } satisfies Omit<Style, 'name'>
