/** What a built page is given, and gives. */
import type { PageData } from './data.ts'

export interface Rendered {
  readonly html: string
  /** 404 where there is nothing under this path. */
  readonly status: 200 | 404
}

interface Built {
  /** Paths of what the browser loads. */
  readonly files: { readonly script: string; readonly style: string }
  /** What is in `/code/<name>.json`. */
  readonly code: (name: string) => never
}

export type Render = (url: Pick<URL, 'pathname' | 'search'>, data: PageData, built: Built) => Rendered
