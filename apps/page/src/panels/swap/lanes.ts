/** Which style runs what, as the server tells it. */
import { signal } from '@preact/signals'
import type { StyleName } from '@overlap/workload'
import { changeServer } from '../../admin.tsx'
import { messageOf, problemOf } from '../../ask-server.ts'
import { announce } from '../../announce.tsx'
import { pageData } from '../../data.ts'
import type { LanesState } from './state.ts'

/** Why the last thing that was asked for did not happen. */
export const problem = signal('')

/** The server does not tell it any more: what is shown is how it was. */
export const unknown = signal(false)

const POLL_MS = 1000
/** Others may switch the server too: so often it is looked at when nothing is known to go on. */
const IDLE_POLLS = 5

const drains = () => pageData.value.lanes.styles.some(({ draining }) => draining > 0)

/** Asks the server now, and then again and again, until it is told to stop. `isBusy`: a run of this page is going on. */
export function follow(isBusy: () => boolean): () => void {
  const controller = new AbortController()
  let polls = 0
  const look = () => {
    const isIdle = !drains() && !isBusy()
    if (document.hidden || (isIdle && polls++ % IDLE_POLLS > 0)) return
    void refresh(controller.signal)
  }
  look()
  const timer = setInterval(look, POLL_MS)
  return () => {
    clearInterval(timer)
    controller.abort()
  }
}

export async function refresh(stopped?: AbortSignal): Promise<void> {
  try {
    const response = await fetch('/api/styles', stopped ? { signal: stopped } : {})
    if (response.ok) keep(await response.json())
    unknown.value = !response.ok
  } catch {
    // It is asked again.
    if (!stopped?.aborted) unknown.value = true
  }
}

export async function switchServer(style: StyleName): Promise<void> {
  problem.value = ''
  try {
    const response = await changeServer('/api/style', 'PUT', { style }, () => switchServer(style))
    if (!response) return
    if (!response.ok) throw new Error(await problemOf(response))
    keep(await response.json())
    announce(`The server runs in ${style}, for everybody.`)
  } catch (error) {
    problem.value = messageOf(error)
  }
}

/** A cast, because JSON has no types. */
function keep(json: unknown) {
  const lanes = json as LanesState
  pageData.value = { ...pageData.value, lanes, activeStyle: lanes.active }
}
