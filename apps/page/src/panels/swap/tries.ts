/** Runs that this page has asked for, and what came of them. */
import { signal } from '@preact/signals'
import type { ScenarioName } from '@overlap/workload'
import { problemOf } from '../../ask-server.ts'
import { pageData } from '../../data.ts'
import type { ExhibitName } from '../../choice.ts'

export interface Try {
  readonly id: number
  readonly scenario: ScenarioName
  /** `active`: it asked for no style. */
  readonly asked: ExhibitName | 'active'
  /** The style that ran it, once that is known. */
  readonly ranIn?: string
  /** What came of it. `undefined`: it is going on. */
  readonly outcome?: string
  readonly ms?: number
}

/** The newest first. */
export const tries = signal<readonly Try[]>([])
/** Of those that have ended. */
const SHOWN = 8

/** Those that go on, and how the client leaves them. */
const controllers = new Map<number, AbortController>()
let lastId = 0

export const isTrying = () => tries.value.some(({ outcome }) => outcome === undefined)

/** `slow`: each call behind it takes 3 s, so that there is something to see going on. */
export async function tryHere(scenario: ScenarioName, asked: Try['asked'], slow: boolean): Promise<void> {
  const run = pageData.value.runs[scenario]
  if (!run) return
  const id = ++lastId
  const controller = new AbortController()
  controllers.set(id, controller)
  tries.value = [{ id, scenario, asked }, ...tries.value].filter(
    ({ outcome }, index) => outcome === undefined || index < SHOWN,
  )
  const started = performance.now()
  const end = (what: Pick<Try, 'outcome' | 'ranIn'>) => {
    controllers.delete(id)
    const ms = Math.round(performance.now() - started)
    tries.value = tries.value.map((one) => (one.id === id ? { ...one, ...what, ms } : one))
  }
  try {
    const response = await fetch(hrefOf(scenario, asked, slow), {
      method: run.method,
      signal: controller.signal,
      // Otherwise a browser lets equal requests wait for one another, in the hope of an answer that it can keep.
      cache: 'no-store',
    })
    if (!response.ok) return end({ outcome: `${response.status}: ${await problemOf(response)}` })
    end({ outcome: 'answered', ranIn: styleIn(await response.text()) })
  } catch {
    end({ outcome: controller.signal.aborted ? 'left' : 'no answer' })
  }
}

/** The client leaves: the run is cancelled. */
export function leave(id: number): void {
  controllers.get(id)?.abort()
}

export function hrefOf(scenario: ScenarioName, asked: Try['asked'], slow: boolean): string {
  const query = new URLSearchParams(pageData.value.runs[scenario]?.query)
  if (asked !== 'active') query.set('style', asked)
  if (slow) for (const name of ['dbMs', 'httpMs']) query.set(name, '3000')
  return `/api/run/${scenario}?${query.toString().replaceAll('%2C', ',')}`
}

/** Of an answer, or of the last line of many answers. */
function styleIn(text: string): string {
  const last = text.trim().split('\n').at(-1) ?? ''
  const answer = JSON.parse(last) as { readonly style?: string; readonly end?: { readonly style: string } }
  return answer.style ?? answer.end?.style ?? ''
}
