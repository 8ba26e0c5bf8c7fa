import type { Panel } from './panel.ts'
import { compare } from './panels/compare/compare.tsx'
import { suite } from './panels/suite/suite.tsx'
import { swap } from './panels/swap/swap.tsx'

/** In the order of their tabs. */
export const panels: readonly Panel[] = [compare, suite, swap]
