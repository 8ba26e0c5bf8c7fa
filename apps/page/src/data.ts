/** What the server knows when it renders the page. In the browser, what it knew then. */
import { signal } from '@preact/signals'

export interface PageData {
  /** The style that runs what does not ask for one. */
  readonly activeStyle: string
}

export const pageData = signal<PageData>({ activeStyle: 'promises' })
