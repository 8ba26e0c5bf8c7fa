/** What the server knows when it renders the page. In the browser, what it knew then. */
import { signal } from '@preact/signals'

export interface PageData {
  /** The style that runs what does not ask for one. */
  readonly activeStyle: string
  /** By scenario: how its runs are asked for, with the parameters that they must have: `?sku=A-42`. */
  readonly runs: Readonly<Record<string, { readonly method: 'GET' | 'POST'; readonly query: string }>>
  /** What else there is to read, and what it is. */
  readonly routes: readonly { readonly path: string; readonly what: string }[]
}

export const pageData = signal<PageData>({ activeStyle: 'promises', runs: {}, routes: [] })
