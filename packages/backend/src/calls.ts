/** What is asked of the calls of a port, and told about them while they run. */
import type { Port, Session } from '@overlap/workload'

/** The longest that an answer can be asked to take, in ms. */
export const DELAY_LIMIT_MS = 10_000

/** How long an answer may take, unless whoever opens the port says otherwise. */
export const ANSWER_TIMEOUT_MS = 3 * DELAY_LIMIT_MS

export type CallName = keyof Port | Exclude<keyof Session, 'order' | 'close'>

/**
 * started → sent (a connection was lent, and the query or request is on its way) → answering (of a request alone: the
 * head of its answer has come) → succeeded | failed | cancelled; and after cancelled: stopped, once it is certain
 * that nothing of the call runs any more. A call that fails or is cancelled before it has a connection was never sent.
 *
 * In the words of Resource Timing, sent is `requestStart`, answering `responseStart`, and what follows `responseEnd`.
 *
 * Source: https://www.w3.org/TR/resource-timing/
 */
export type CallEvent = 'started' | 'sent' | 'answering' | 'succeeded' | 'failed' | 'cancelled' | 'stopped'

/**
 * Called synchronously, `succeeded` and `failed` just before the call's own callback. `id` counts the
 * calls of a run from 0, so that two of one name can be told apart.
 */
export type Observe = (call: CallName, event: CallEvent, id: number) => void
