/** What a built page is given, and gives. */
import type { PageData } from './data.ts'

interface Built {
  /** Paths of what the browser loads. */
  readonly files: { readonly script: string; readonly style: string }
  /** What is in `/code/<name>.json`. */
  readonly code: (name: string) => never
}

/** The names of the panels, and a whole HTML document. */
export interface Rendering {
  readonly panels: readonly string[]
  readonly render: (url: Pick<URL, 'pathname' | 'search'>, data: PageData, built: Built) => string
}
