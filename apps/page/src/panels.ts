import type { Panel } from './panel.ts'
import { compare } from './panels/compare/compare.tsx'
import { load } from './panels/load/load.tsx'
import { suite } from './panels/suite/suite.tsx'
import { swap } from './panels/swap/swap.tsx'
import { watch } from './panels/watch/watch.tsx'

/** In the order of their tabs. */
export const panels: readonly Panel[] = [compare, watch, load, swap, suite]
