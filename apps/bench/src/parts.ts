/** All that is measured, in the order of the results. */
import type { Part } from './part.ts'
import { experimentsPart } from './parts/experiments.ts'
import { sizePart } from './parts/size.ts'

export const parts: readonly Part[] = [experimentsPart, sizePart]
