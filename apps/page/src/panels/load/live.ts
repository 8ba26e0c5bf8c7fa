/** The load as it goes on: starts it, listens to it, stops it. */
import { batch, signal } from '@preact/signals'
import { announce } from '../../announce.tsx'
import { messageOf } from '../../ask-server.ts'
import { loadableScenarios, type LoadState } from '@overlap/load/order'
import { scenarioField, stylesField } from '../../choice.ts'
import { pageData } from '../../data.ts'
import { connectionsField, dbMsField, httpMsField, modelField, rateField, secondsField } from './fields.ts'
import { showCount } from './format.ts'
import { type Point, extend } from './series.ts'
import { ask } from './server.ts'

/** What is shown. `undefined`: nothing has been asked for by this page. */
export const shown = signal<LoadState | undefined>(undefined)
export const points = signal<readonly Point[]>([])
/** The picture stands still, and the load goes on. */
export const paused = signal(false)
export const problem = signal('')
/** It has been asked for, and has not begun. */
export const starting = signal(false)

const LOST = 'The server tells nothing of the load any more. It is asked again.'

/** The newest, whether it is shown or not. */
let latest: { state: LoadState; points: readonly Point[] } | undefined
let source: EventSource | undefined

/** Whether the scenario that is chosen can be loaded. */
export const isLoadable = () => loadableScenarios.some((name) => name === scenarioField.value)

export const isRunning = () => shown.value?.state === 'running'

async function start(): Promise<void> {
  if (starting.value || isRunning()) return
  batch(() => {
    problem.value = ''
    starting.value = true
    paused.value = false
  })
  try {
    const others = await current()
    if (others.state === 'running') {
      problem.value = 'Another load is under way: this is what it does.'
      return follow(others)
    }
    const { body } = await ask('POST', '/api/load', orderOf())
    // A cast, because JSON has no types.
    follow(body as LoadState)
    announce('The load has begun.')
  } catch (error) {
    problem.value = messageOf(error)
  } finally {
    starting.value = false
  }
}

async function stop(): Promise<void> {
  try {
    await ask('DELETE', '/api/load')
  } catch (error) {
    problem.value = messageOf(error)
  }
}

/** What the form does when it is sent. */
export function toggle(): void {
  if (isRunning()) void stop()
  else if (isLoadable()) void start()
}

export function togglePause(): void {
  if (!latest) return
  paused.value = !paused.value
  display()
}

/** Somebody looks again. */
export function resume(): void {
  if (latest?.state.state === 'running') follow(latest.state, latest.points)
}

/** Nobody looks any more. The load goes on. */
export function leave(): void {
  source?.close()
  source = undefined
}

function orderOf() {
  const query = new URLSearchParams(pageData.value.runs[scenarioField.value]?.query)
  return {
    scenario: scenarioField.value,
    parameters: {
      ...Object.fromEntries(query),
      dbMs: String(dbMsField.value),
      httpMs: String(httpMsField.value),
    },
    styles: stylesField.value,
    model: modelField.value,
    ...(modelField.value === 'open'
      ? { perSecond: rateField.value }
      : { connections: connectionsField.value }),
    seconds: secondsField.value,
  }
}

async function current(): Promise<LoadState> {
  const { body } = await ask('GET', '/api/load')
  // A cast, because JSON has no types.
  return body as LoadState
}

function follow(state: LoadState, drawn: readonly Point[] = []) {
  leave()
  latest = { state, points: drawn }
  display()
  source = new EventSource('/api/load/events')
  source.addEventListener('error', () => (problem.value = LOST))
  source.addEventListener('open', () => {
    if (problem.value === LOST) problem.value = ''
  })
  source.addEventListener('load', (event) => {
    const told = JSON.parse((event as MessageEvent<string>).data) as LoadState
    // A server that has begun anew knows of no load: this one has ended with the server before.
    const next: LoadState = told.state === 'idle' ? { ...state, ...latest?.state, state: 'failed' } : told
    const isNext = JSON.stringify(next.order) !== JSON.stringify(latest?.state.order)
    if (next.elapsedMs === latest?.state.elapsedMs && next.state === latest.state.state) return
    latest = { state: next, points: extend(isNext ? [] : (latest?.points ?? []), next) }
    display()
    if (next.state === 'running') return
    leave()
    problem.value = ''
    announce(summaryOf(next))
  })
}

/** Shows the newest, unless the picture stands still. */
function display() {
  if (!latest || paused.value) return
  const { state, points: drawn } = latest
  batch(() => {
    shown.value = state
    points.value = drawn
  })
}

function summaryOf({ state, styles }: LoadState): string {
  const each = styles.map(({ style, perSecond }) => `${style} ${showCount(perSecond)}`)
  return `The load has ${state === 'finished' ? 'ended' : state}. Successes in a second: ${each.join(', ')}.`
}
