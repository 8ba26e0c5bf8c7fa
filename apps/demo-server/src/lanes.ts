/**
 * Which style runs what. A lane is one style with what it has under way; one lane is active, and takes
 * every run that does not ask for a style itself. Swapping changes where the next run goes and touches
 * nothing that runs, so no run ever meets two styles.
 *
 * An exhibit has a lane too, for the runs that name it. It is no style, and never the active one.
 */
import type { Style } from '@overlap/workload'

export class Lane {
  readonly style: Style
  /** Runs that have not settled. */
  running = 0
  /** Those among them that came because the lane was the active one. */
  runningByDefault = 0

  constructor(style: Style) {
    this.style = style
  }
}

interface LaneReport {
  readonly name: string
  readonly active: boolean
  readonly running: number
  readonly draining: number
}

interface LanesReport {
  readonly active: string
  readonly styles: readonly LaneReport[]
  readonly exhibits: readonly Pick<LaneReport, 'name' | 'running'>[]
}

export class Lanes {
  readonly #lanes: ReadonlyMap<string, Lane>
  readonly exhibits: readonly Lane[]
  active: Lane

  constructor(styles: readonly Style[], initial: string, exhibits: readonly Style[] = []) {
    this.#lanes = new Map(styles.map((style) => [style.name, new Lane(style)]))
    this.exhibits = exhibits.map((exhibit) => new Lane(exhibit))
    const active = this.#lanes.get(initial)
    if (!active) throw new RangeError(`there is no style ${JSON.stringify(initial)}`)
    this.active = active
  }

  /** Of the styles. */
  get names(): string[] {
    return [...this.#lanes.keys()]
  }

  /** Of all that can be run, the exhibits last. */
  get allNames(): string[] {
    return [...this.names, ...this.exhibits.map(({ style }) => style.name)]
  }

  /** Of a style, by name, in a `Map`: what a client sends never reaches a prototype or a path. */
  get(name: string): Lane | undefined {
    return this.#lanes.get(name)
  }

  /** Those of the styles. */
  values(): IterableIterator<Lane> {
    return this.#lanes.values()
  }

  /** `draining`: what a lane that is no longer active still has to finish from the time when it was. */
  report(): LanesReport {
    const styles = [...this.values()].map((lane) => ({
      name: lane.style.name,
      active: lane === this.active,
      running: lane.running,
      draining: lane === this.active ? 0 : lane.runningByDefault,
    }))
    const exhibits = this.exhibits.map(({ style, running }) => ({ name: style.name, running }))
    return { active: this.active.style.name, styles, exhibits }
  }
}
