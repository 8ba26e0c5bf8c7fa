/** The code that has been loaded so far: by the server all that is shown, and in the browser what is asked for. */
import { signal } from '@preact/signals'
import type { ScenarioName } from '@overlap/workload'
import { announce } from './announce.tsx'
import type { Clauses, Exhibit, Frames, SuiteFile } from './exhibit.ts'

export interface Code {
  readonly exhibits: Readonly<Partial<Record<ScenarioName, Exhibit>>>
  readonly frames?: Frames | undefined
  readonly clauses?: Clauses | undefined
  /** By name. */
  readonly suiteFiles?: Readonly<Record<string, SuiteFile>> | undefined
}

export const code = signal<Code>({ exhibits: {} })

const asked = new Set<string>()

/** What could not be loaded is asked for again after so long. */
const AGAIN_MS = 2000

/** `undefined` until it is there. */
export function exhibitOf(scenario: ScenarioName): Exhibit | undefined {
  const exhibit = code.value.exhibits[scenario]
  if (!exhibit) {
    load(scenario, (loaded) => {
      const exhibits = { ...code.value.exhibits, [scenario]: loaded as Exhibit }
      code.value = { ...code.value, exhibits }
    })
  }
  return exhibit
}

export function framesOf(): Frames | undefined {
  if (!code.value.frames) {
    load('frames', (loaded) => {
      code.value = { ...code.value, frames: loaded as Frames }
    })
  }
  return code.value.frames
}

export function suiteFileOf(name: string): SuiteFile | undefined {
  const file = code.value.suiteFiles?.[name]
  if (!file) {
    load(`suite-${name}`, (loaded) => {
      const suiteFiles = { ...code.value.suiteFiles, [name]: loaded as SuiteFile }
      code.value = { ...code.value, suiteFiles }
    })
  }
  return file
}

/** Nothing on the server, where all is there that is shown. `keep` casts, because JSON has no types. */
function load(name: string, keep: (loaded: unknown) => void) {
  if (typeof document === 'undefined' || asked.has(name)) return
  asked.add(name)
  void fetchCode(name, keep)
}

async function fetchCode(name: string, keep: (loaded: unknown) => void): Promise<void> {
  try {
    const response = await fetch(`/code/${name}.json`)
    if (!response.ok) throw new Error(`the server answered with ${response.status}`)
    keep(await response.json())
  } catch (error) {
    setTimeout(() => void fetchCode(name, keep), AGAIN_MS)
    announce(`The code of ${name} could not be loaded. It is asked for again.`)
    console.warn(error)
  }
}
