/** What the server knows when it renders the page. In the browser, what it knew then. */
import { signal } from '@preact/signals'
import type { SuiteState } from './panels/suite/state.ts'
import type { LanesState } from './panels/swap/state.ts'

export interface PageData {
  /** The style that runs what does not ask for one. */
  readonly activeStyle: string
  /** By scenario: how its runs are asked for, with the parameters that they must have: `?sku=A-42`. */
  readonly runs: Readonly<Record<string, { readonly method: 'GET' | 'POST'; readonly query: string }>>
  /** Which style runs what. */
  readonly lanes: LanesState
  /** What came of the suite. `undefined`: it has not been asked for. */
  readonly suite?: SuiteState | undefined
  /** What else there is to read, and what it is. */
  readonly routes: readonly { readonly path: string; readonly what: string }[]
}

export const pageData = signal<PageData>({
  activeStyle: 'promises',
  runs: {},
  lanes: { active: 'promises', styles: [], exhibits: [] },
  routes: [],
})
