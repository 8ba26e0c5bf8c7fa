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
  /** With `DATABASE_URL`, `UPSTREAM_URL` and `POOL_MAX`. */
  readonly start: (env: NodeJS.ProcessEnv) => Promise<Server>
}

/** Of the benchmark's part `server`. */
export function listServers(styles: readonly StyleName[]): readonly Subject[] {
  return [
    ...listAlways(styles),
    { name: LIMIT, levels: LEVELS, start: (env) => startServer('limit', env) },
    { name: EMPTY, levels: [MIDDLE], start: (env) => startServer('empty', env) },
  ]
}

/** Of its part `fresh-servers`. */
export function listFreshServers(styles: readonly StyleName[]): readonly Subject[] {
  return [
    ...listAlways(styles),
    ...styles.map((style): Subject => ({
      name: demoOf(style),
      levels: [MIDDLE],
      start: (env) => startDemo({ ...env, ...patient, STYLE: style }),
    })),
  ]
}

function listAlways(styles: readonly StyleName[]): readonly Subject[] {
  return [
    { name: FLOOR, levels: LEVELS, open: true, start: byHand() },
    { name: CONTROL, levels: LEVELS, start: byHand() },
    ...styles.map((style) => ({ name: style, levels: LEVELS, open: true, start: byHand(style) })),
    { name: MOST_PEOPLE, levels: LEVELS, open: true, start: (env) => startServer('most-people', env) },
  ]
}

/** A bare handler; without a style, which makes the calls itself. */
function byHand(style?: StyleName): Subject['start'] {
  return (env) => startServer('by-hand', style === undefined ? env : { ...env, STYLE: style })
}

/** Nothing is refused, however many connections there are. */
const patient = { MAX_RUNS: '100000', MAX_WAIT_MS: '600000', MAX_LAG_MS: '600000' }
