/**
 * Runs the scenario in the chosen styles at once, in the browser: first it listens, then it asks, and it goes on
 * listening after the answers, until nothing runs any more.
 */
import type { ScenarioName } from '@overlap/workload'
import { signal } from '@preact/signals'
import { type ExhibitName, scenarioField, stylesField } from '../../choice.ts'
import { pageData } from '../../data.ts'
import { runQuery } from '../../parameters.ts'
import { type Lane, type RunEvent, follow, isOver, newLane } from './lane.ts'
import { leaveMsField, runField } from './fields.ts'
import { type Subject, describe } from './words.ts'

/** How long after its client has left a run may still tell that it has begun. */
const BEGIN_MS = 1000
/** Longer than any call may take: whoever hears nothing for so long has missed the end. */
const SILENCE_MS = 45_000
const ANSWER_LENGTH = 160

/** What was run, for those who change the fields meanwhile. */
export const subject = signal<Subject | undefined>(undefined)
export const lanes = signal<readonly Lane[]>([])
/** Now, by the browser's clock. */
export const clock = signal(0)
/** What came of it: to be said once. */
export const verdict = signal('')
/** Why it cannot be watched. */
export const trouble = signal('')

export const isRunning = () => running.value !== undefined

const running = signal<Run | undefined>(undefined)

/** Stops what runs. Without a style, nothing is run. */
export function run(): void {
  running.peek()?.stop()
  if (stylesField.value.length === 0) return
  const { value: scenario } = scenarioField
  // Whoever is sent this address sees the same, but sells nothing by looking.
  runField.value = methodOf(scenario) === 'GET'
  running.value = new Run(scenario, stylesField.value)
}

/** As a client does that does not want the answer any more. */
export function leave(): void {
  running.peek()?.leave()
}

/** What changes something is no GET. */
export const methodOf = (scenario: ScenarioName) => pageData.value.runs[scenario]?.method ?? 'GET'

const hex = (bytes: number) =>
  Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')

class Run {
  readonly #scenario: ScenarioName
  readonly #query = runQuery(scenarioField.value)
  readonly #leaveMs = leaveMsField.value
  readonly #traceId = hex(16)
  readonly #source: EventSource
  readonly #clients = new Map<string, AbortController>()
  readonly #timers = new Set<ReturnType<typeof setTimeout>>()
  #heard: RunEvent[] = []
  #flush: ReturnType<typeof setTimeout> | undefined
  #silence: ReturnType<typeof setTimeout> | undefined
  #ticking: ReturnType<typeof setInterval>

  constructor(scenario: ScenarioName, styles: readonly ExhibitName[]) {
    this.#scenario = scenario
    subject.value = { scenario, query: this.#query, leaveMs: this.#leaveMs }
    verdict.value = ''
    trouble.value = ''
    clock.value = performance.now()
    lanes.value = styles.map((style) => newLane(style, hex(8)))
    this.#source = new EventSource(`/api/events?trace=${this.#traceId}`)
    this.#source.addEventListener('open', () => this.#begin(), { once: true })
    this.#source.addEventListener('error', () => this.#lost())
    for (const name of ['run', 'call'])
      this.#source.addEventListener(name, (event: MessageEvent<string>) => this.#hear(event.data))
    // Who wants less motion sees what has happened, and once in a second how far it is.
    const { matches: calm } = matchMedia('(prefers-reduced-motion: reduce)')
    this.#ticking = setInterval(() => (clock.value = performance.now()), calm ? 1000 : 40)
  }

  leave(): void {
    for (const client of this.#clients.values()) client.abort()
  }

  /** Of what is left, nothing is heard any more. */
  stop(): void {
    if (running.peek() === this) running.value = undefined
    this.leave()
    this.#source.close()
    this.#update()
    clearInterval(this.#ticking)
    clearTimeout(this.#flush)
    clearTimeout(this.#silence)
    for (const timer of this.#timers) clearTimeout(timer)
  }

  #begin() {
    this.#listenOn()
    for (const lane of lanes.peek()) void this.#ask(lane)
  }

  async #ask({ style, parentId }: Lane) {
    const client = new AbortController()
    this.#clients.set(parentId, client)
    const query = new URLSearchParams(this.#query)
    query.set('style', style)
    try {
      const response = await fetch(`/api/run/${this.#scenario}?${query}`, {
        method: methodOf(this.#scenario),
        headers: { traceparent: `00-${this.#traceId}-${parentId}-01` },
        signal: client.signal,
        cache: 'no-store',
      })
      // The server says how long a run has taken, unless it tells many answers.
      const refused = !response.ok && !response.headers.has('server-timing')
      this.#change(parentId, { answer: await readAnswer(response), refused })
    } catch {
      if (!client.signal.aborted) this.#change(parentId, { answer: 'The server could not be reached.' })
      this.#wait(BEGIN_MS, () => this.#refuseIfNotBegun(parentId))
    } finally {
      this.#clients.delete(parentId)
      this.#endIfOver()
    }
  }

  #refuseIfNotBegun(parentId: string) {
    const lane = lanes.peek().find((one) => one.parentId === parentId)
    if (lane?.begunAt !== undefined) return
    this.#change(parentId, { refused: true })
    this.#endIfOver()
  }

  #change(parentId: string, changes: Partial<Lane>) {
    lanes.value = lanes.peek().map((lane) => (lane.parentId === parentId ? { ...lane, ...changes } : lane))
  }

  /** Unless it is stopped meanwhile. */
  #wait(ms: number, then: () => void) {
    this.#timers.add(setTimeout(then, ms))
  }

  #hear(data: string) {
    // A cast, because JSON has no types.
    this.#heard.push(JSON.parse(data) as RunEvent)
    this.#listenOn()
    this.#flush ??= setTimeout(() => this.#update(), 16)
  }

  #update() {
    this.#flush = undefined
    const heard = this.#heard
    this.#heard = []
    const now = performance.now()
    clock.value = now
    if (heard.length === 0) return
    lanes.value = lanes.peek().map((lane) => {
      const after = follow(lane, heard, now)
      if (lane.begunAt === undefined && after.begunAt !== undefined) this.#leaveLater(after)
      return after
    })
    this.#endIfOver()
  }

  #leaveLater({ parentId }: Lane) {
    if (this.#leaveMs > 0) this.#wait(this.#leaveMs, () => this.#clients.get(parentId)?.abort())
  }

  #endIfOver() {
    const all = lanes.peek()
    if (running.peek() !== this || this.#clients.size > 0 || !all.every(isOver)) return
    this.stop()
    verdict.value = `${all.map((lane) => describe(lane, clock.peek())).join('. ')}.`
  }

  #listenOn() {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => {
      if (lanes.peek().every(({ settledMs }) => settledMs !== null)) this.stop()
      else this.#listenOn()
    }, SILENCE_MS)
  }

  /** There is no replay, so what comes after a break would be told as if nothing had been before. */
  #lost() {
    trouble.value = 'The server does not tell what happens: the connection was lost, or too many listen.'
    this.stop()
    lanes.value = lanes.peek().map((lane) => ({ ...lane, lost: !isOver(lane) }))
  }
}

/** What the client was told, in one line. */
async function readAnswer(response: Response): Promise<string> {
  const type = response.headers.get('content-type') ?? ''
  const body = await response.text()
  if (type.startsWith('application/x-ndjson')) return describeLines(body.trim().split('\n'))
  // A cast, because JSON has no types.
  const { result, status, title, detail } = JSON.parse(body) as {
    result: unknown
    status: number
    title: string
    detail: string
  }
  return cut(response.ok ? JSON.stringify(result) : `${status} ${title}: ${detail}`)
}

function describeLines(lines: readonly string[]): string {
  // A cast, because JSON has no types.
  const { problem } = JSON.parse(lines.at(-1) ?? '{}') as { problem?: { status: number; detail: string } }
  const answers = `${lines.length - 1} answers`
  return cut(problem ? `${answers}, and then ${problem.status}: ${problem.detail}` : answers)
}

const cut = (text: string) => (text.length > ANSWER_LENGTH ? `${text.slice(0, ANSWER_LENGTH)}…` : text)
