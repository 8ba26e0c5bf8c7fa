/** Which style runs what, as the server tells it. Types alone, for the server too. */

export interface LanesState {
  /** The style of runs that ask for none. */
  readonly active: string
  readonly styles: readonly {
    readonly name: string
    readonly running: number
    /** Those among them that it got as the active style, which it is no more. */
    readonly draining: number
  }[]
  readonly exhibits: readonly { readonly name: string; readonly running: number }[]
}
