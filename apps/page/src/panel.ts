import type { ComponentType } from 'preact'
import type { Key } from './keys.ts'

/** One of the views of the page, under its own tab, and alone below `/embed/`. */
export interface Panel {
  readonly name: string
  /** The key that shows it: a capital. */
  readonly key: string
  /** On its tab. */
  readonly title: string
  /** What one does here: a sentence. */
  readonly about: string
  readonly View: ComponentType
  /** Those that it adds to the page's. */
  readonly keys?: () => readonly Key[]
  /** Whether it is about the scenario and the styles that are chosen above it. */
  readonly choice: boolean
}
