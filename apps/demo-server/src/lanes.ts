/**
 * Which style runs what. A lane is one style with what it has under way; one lane is active, and takes
 * every run that does not ask for a style itself. Swapping changes where the next run goes and touches
 * nothing that runs, so no run ever meets two styles.
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

export interface LaneReport {
  readonly name: string
  readonly active: boolean
  readonly running: number
  readonly draining: number
}

export class Lanes {
  readonly #lanes: ReadonlyMap<string, Lane>
  active: Lane

  constructor(styles: readonly Style[], initial: string) {
    this.#lanes = new Map(styles.map((style) => [style.name, new Lane(style)]))
    const active = this.#lanes.get(initial)
    if (!active) throw new RangeError(`there is no style ${JSON.stringify(initial)}`)
    this.active = active
  }

  get names(): string[] {
    return [...this.#lanes.keys()]
  }

  /** By name, in a `Map`: what a client sends never reaches a prototype or a path. */
  get(name: string): Lane | undefined {
    return this.#lanes.get(name)
  }

  values(): IterableIterator<Lane> {
    return this.#lanes.values()
  }

  /** `draining`: what a lane that is no longer active still has to finish from the time when it was. */
  report(): { active: string; styles: LaneReport[] } {
    const styles = [...this.values()].map((lane) => ({
      name: lane.style.name,
      active: lane === this.active,
      running: lane.running,
      draining: lane === this.active ? 0 : lane.runningByDefault,
    }))
    return { active: this.active.style.name, styles }
  }
}
