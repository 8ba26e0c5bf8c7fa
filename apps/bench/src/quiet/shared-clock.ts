/** What two processes must agree on to time an abort of one of them. */

/** When a run was aborted, and when its caller was told, in ms of `sharedNow`. */
export interface Aborted {
  readonly abortedAt: number
  readonly toldAt: number
  /** As a run that is aborted must. */
  readonly failed: boolean
}

/** Milliseconds of the machine's clock that only goes forward: on Linux, macOS and Windows the same for all its processes. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
