/**
 * What `/metrics` shows. A run adds to plain numbers and to a child that was bound when its route was
 * made, so that no label is looked up while it runs; everything else is read when somebody scrapes.
 *
 * Source: https://prometheus.io/docs/practices/naming/
 */
import type { RealPort } from '@overlap/backend'
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Lanes } from './lanes.ts'
import { type Outcome, outcomes } from './run.ts'

/** How many runs of one scenario in one style have settled, by how. */
export interface Tally extends Record<Outcome, number> {
  observeMs(ms: number): void
}

export class Metrics {
  readonly registry = new Registry()
  readonly #tallies: { scenario: string; style: string; tally: Tally }[] = []
  readonly #seconds: Histogram

  constructor(port: Pick<RealPort, 'stats'>, lanes: Lanes) {
    const registers = [this.registry]
    collectDefaultMetrics({ register: this.registry })
    const runs: Counter = new Counter({
      name: 'overlap_runs_total',
      help: 'Runs that have settled.',
      labelNames: ['scenario', 'style', 'outcome'],
      registers,
      collect: () => {
        runs.reset()
        for (const { scenario, style, tally } of this.#tallies)
          for (const outcome of outcomes) runs.inc({ scenario, style, outcome }, tally[outcome])
      },
    })
    this.#seconds = new Histogram({
      name: 'overlap_run_duration_seconds',
      help: 'How long runs took until they settled.',
      labelNames: ['scenario', 'style'],
      buckets: [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.3, 0.35, 0.5, 0.6, 0.7, 1, 2.5, 5, 10, 25,
      ],
      registers,
    })
    const running = new Gauge({
      name: 'overlap_runs_running',
      help: 'Runs that have not settled.',
      labelNames: ['style'],
      registers,
      collect: () => {
        for (const lane of lanes.values()) running.set({ style: lane.style.name }, lane.running)
      },
    })
    const database = new Gauge({
      name: 'overlap_database_connections',
      help: 'Connections to Postgres by state, and the calls that wait for one.',
      labelNames: ['state'],
      registers,
      collect: () => {
        for (const [state, count] of Object.entries(port.stats().database)) database.set({ state }, count)
      },
    })
    const http = new Gauge({
      name: 'overlap_reservation_service',
      help: 'Requests to the reservation service that are open, and sockets.',
      labelNames: ['what'],
      registers,
      collect: () => {
        for (const [what, count] of Object.entries(port.stats().http)) http.set({ what }, count)
      },
    })
  }

  /** For one scenario in one style. */
  createTally(scenario: string, style: string): Tally {
    const seconds = this.#seconds.labels(scenario, style)
    const tally: Tally = {
      succeeded: 0,
      failed: 0,
      cancelled: 0,
      observeMs: (ms) => seconds.observe(ms / 1000),
    }
    this.#tallies.push({ scenario, style, tally })
    return tally
  }
}
