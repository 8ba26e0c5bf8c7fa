/** What is measured of servers, and by whom it is answered. */
import type { StyleName } from '@overlap/workload'
import { type Server, startDemo, startServer } from './subjects/start.ts'

/** Connections, of which each waits for its answer. */
export const LEVELS = [10, 100, 1000] as const
/** At which the demo server is measured, and what is cold; and where the rate of the open load comes from. */
export const MIDDLE = 100

export const FLOOR = 'floor'
export const CONTROL = 'floor again (A/A)'
export const MOST_PEOPLE = 'most people'
export const LIMIT = 'limit'
export const EMPTY = 'nothing'

export const demoOf = (style: string): string => `${style}, demo server`

export interface Subject {
  readonly name: string
  readonly levels: readonly number[]
  /** It is under the open load as well. */
  readonly open?: boolean
  readonly start: () => Promise<Server>
}

export function listSubjects(styles: readonly StyleName[], env: NodeJS.ProcessEnv): readonly Subject[] {
  const byHand = (style?: string) => () =>
    startServer('by-hand', style === undefined ? env : { ...env, STYLE: style })
  // Nothing is refused, however many connections there are.
  const patient = { ...env, MAX_RUNS: '100000', MAX_WAIT_MS: '600000', MAX_LAG_MS: '600000' }
  return [
    { name: FLOOR, levels: LEVELS, open: true, start: byHand() },
    { name: CONTROL, levels: LEVELS, start: byHand() },
    ...styles.map((style) => ({ name: style, levels: LEVELS, open: true, start: byHand(style) })),
    ...styles.map((style) => ({
      name: demoOf(style),
      levels: [MIDDLE],
      start: () => startDemo({ ...patient, STYLE: style }),
    })),
    { name: MOST_PEOPLE, levels: LEVELS, open: true, start: () => startServer('most-people', env) },
    { name: LIMIT, levels: LEVELS, start: () => startServer('limit', env) },
    { name: EMPTY, levels: [MIDDLE], start: () => startServer('empty', env) },
  ]
}
