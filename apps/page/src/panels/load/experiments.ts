/** Makes the talks' measurements on the server, one after the other. */
import { signal } from '@preact/signals'
import type { ExperimentId, ExperimentResult } from '@overlap/load/experiments'
import { announce } from '../../announce.tsx'
import { messageOf } from '../../ask-server.ts'
import { ask } from './server.ts'

/** Of one measurement: that it is being made, what came of it, or why nothing did. */
export type Progress =
  | { readonly state: 'waiting' | 'running' }
  | { readonly state: 'done'; readonly result: ExperimentResult }
  | { readonly state: 'failed'; readonly message: string }

export const progress = signal<Readonly<Partial<Record<ExperimentId, Progress>>>>({})

let controller: AbortController | undefined

/** One of them, or all. What is under way is not disturbed. */
export async function run(ids: readonly ExperimentId[]): Promise<void> {
  if (controller) return
  controller = new AbortController()
  const { signal: stopped } = controller
  for (const id of ids) set(id, { state: 'waiting' })
  try {
    for (const id of ids) {
      set(id, { state: 'running' })
      // Once it is stopped, nothing more is asked for.
      set(id, await runOne(id, stopped))
    }
  } finally {
    controller = undefined
  }
}

export function stop(): void {
  controller?.abort()
}

export const isBusy = () =>
  Object.values(progress.value).some(({ state }) => state === 'running' || state === 'waiting')

async function runOne(id: ExperimentId, stopped: AbortSignal): Promise<Progress | undefined> {
  try {
    const { body } = await ask('POST', `/api/experiments/${id}`, undefined, stopped)
    // A cast, because JSON has no types.
    const result = body as ExperimentResult
    announce(`${id}: ${result.held === null ? 'measured' : result.held ? 'held' : 'not held'}.`)
    return { state: 'done', result }
  } catch (error) {
    if (stopped.aborted) return undefined
    return { state: 'failed', message: messageOf(error) }
  }
}

function set(id: ExperimentId, next: Progress | undefined) {
  const { [id]: _, ...others } = progress.value
  progress.value = next ? { ...others, [id]: next } : others
}
