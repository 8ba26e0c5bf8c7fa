/** What came of the suite, as the server tells it, and how it is asked for again. */
import { signal } from '@preact/signals'
import type { ScenarioName } from '@overlap/workload'
import { changeServer } from '../../admin.tsx'
import { askServer, messageOf, problemOf } from '../../ask-server.ts'
import { announce } from '../../announce.tsx'
import { pageData } from '../../data.ts'
import type { SuiteState } from './state.ts'

/** Why the last thing that was asked for did not happen. */
export const problem = signal('')

const POLL_MS = 700
const LOST_POLL_MS = 3000
const LOST = 'What came of it is not known:'

/** Asks the server now, and then until no run is going on, or nobody looks any more. */
export async function follow(stopped: AbortSignal): Promise<void> {
  const wasRunning = isRunning()
  try {
    const response = await askServer('/api/suite', { method: 'GET', signal: stopped })
    if (!response.ok) throw new Error(await problemOf(response))
    keep(await response.json())
    if (problem.value.startsWith(LOST)) problem.value = ''
  } catch (error) {
    if (stopped.aborted) return
    problem.value = `${LOST} ${messageOf(error)}`
    setTimeout(() => stopped.aborted || void follow(stopped), LOST_POLL_MS)
    return
  }
  if (isRunning()) setTimeout(() => stopped.aborted || void follow(stopped), POLL_MS)
  else if (wasRunning) announce('The suite is over.')
}

export const isRunning = () => pageData.value.suite?.run?.state === 'running'

/** A change has been asked for, and not been answered. */
let asking = false

/** All of it, or one scenario in all styles. */
export async function start(scenario?: ScenarioName): Promise<void> {
  await change('POST', scenario && { scenario }, () => start(scenario))
}

export async function stop(): Promise<void> {
  await change('DELETE', undefined, stop)
}

async function change(
  method: 'POST' | 'DELETE',
  body: object | undefined,
  again: () => Promise<void>,
): Promise<void> {
  if (asking) return
  asking = true
  problem.value = ''
  try {
    const response = await changeServer('/api/suite', method, body, again)
    if (!response) return
    if (!response.ok) throw new Error(await problemOf(response))
    keep(await response.json())
    if (method === 'POST') announce('The suite has begun.')
  } catch (error) {
    problem.value = messageOf(error)
  } finally {
    asking = false
  }
}

/** A cast, because JSON has no types. */
function keep(json: unknown) {
  pageData.value = { ...pageData.value, suite: json as SuiteState }
}
