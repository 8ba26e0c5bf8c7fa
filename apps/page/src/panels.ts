import type { Panel } from './panel.ts'
import { compare } from './panels/compare/compare.tsx'

/** In the order of their tabs. */
export const panels: readonly Panel[] = [compare]
