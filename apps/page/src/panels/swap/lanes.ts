/** Which style runs what, as the server tells it. */
import { signal } from '@preact/signals'
import type { StyleName } from '@overlap/workload'
import { changeServer, problemOf } from '../../admin.tsx'
import { announce } from '../../announce.tsx'
import { pageData } from '../../data.ts'
import type { LanesState } from './state.ts'

/** Why the last thing that was asked for did not happen. */
export const problem = signal('')

const POLL_MS = 1000
/** Others may switch the server too. */
const IDLE_POLL_MS = 5000

const drains = () => pageData.value.lanes.styles.some(({ draining }) => draining > 0)

/** Asks the server, again and again, until nobody looks any more. `isBusy`: a run of this page is going on. */
export async function follow(stopped: AbortSignal, isBusy: () => boolean): Promise<void> {
  if (!document.hidden) await refresh(stopped)
  if (stopped.aborted) return
  setTimeout(
    () => stopped.aborted || void follow(stopped, isBusy),
    drains() || isBusy() ? POLL_MS : IDLE_POLL_MS,
  )
}

export async function refresh(stopped?: AbortSignal): Promise<void> {
  try {
    keep(await (await fetch('/api/styles', stopped ? { signal: stopped } : {})).json())
  } catch {
    // It is asked again, and what is shown is no older than it says.
  }
}

export async function switchServer(style: StyleName): Promise<void> {
  problem.value = ''
  const response = await changeServer('/api/style', 'PUT', { style }, () => switchServer(style))
  if (!response) return
  if (!response.ok) {
    problem.value = await problemOf(response)
    return
  }
  keep(await response.json())
  announce(`The server runs in ${style}, for everybody.`)
}

/** A cast, because JSON has no types. */
function keep(json: unknown) {
  const lanes = json as LanesState
  pageData.value = { ...pageData.value, lanes, activeStyle: lanes.active }
}
