/** A kind of mutant that no test can tell from the original, or that none is to. */
export interface Explanation {
  readonly why: string
  /** Of each mutant: its file, and its lines before and after, as the run prints them. */
  readonly mutants: readonly (readonly [file: string, before: string, after: string])[]
}

export const explained: readonly Explanation[] = []
