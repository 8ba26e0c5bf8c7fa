/** All that is measured, in the order of the results. */
import { memory } from './memory.ts'
import type { Part } from './part.ts'
import { styles } from './styles.ts'

// A cast: each part reads and renders nothing but its own figures.
export const parts = [styles, memory] as readonly Part<unknown>[]
