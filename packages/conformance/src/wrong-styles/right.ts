import type { Style } from '@overlap/workload'
import { combine } from './combine.ts'
import { latest } from './latest.ts'
import { sequence } from './sequence.ts'
import { stream } from './stream.ts'
import { timeout } from './timeout.ts'

/** Every scenario done right, with the plainest means: what is wrong with a wrong style is its own fault. */
export const right = { sequence, combine, timeout, stream, latest } satisfies Omit<Style, 'name'>
