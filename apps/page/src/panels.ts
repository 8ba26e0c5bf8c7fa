import type { Panel } from './panel.ts'
import { compare } from './panels/compare/compare.tsx'
import { load } from './panels/load/load.tsx'

/** In the order of their tabs. */
export const panels: readonly Panel[] = [compare, load]
