/** All that is measured, in the order of the results. */
import type { Part } from './part.ts'

export const parts: readonly Part<unknown>[] = []
