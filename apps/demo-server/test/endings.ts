/** What becomes of a run that meets a fault. */
import type { ErrorKind } from '@overlap/workload'

/** `answers`: it is as if nothing were wrong. */
export type Ending = 'answers' | Failure

/** What is not said is `undefined` in the error. */
export interface Failure {
  readonly error: 'HttpError' | 'DatabaseError'
  readonly kind: ErrorKind
  /** Of the service's answer. */
  readonly status?: number
  /** Or one of several, where it depends on what is seen first. */
  readonly code?: string | readonly string[]
  readonly message?: RegExp
}
