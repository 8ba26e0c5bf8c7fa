/**
 * What `/metrics` shows. A run adds to plain numbers that were made with its route, so that no label is
 * looked up while it runs; everything else is read when somebody scrapes.
 *
 * Source: https://prometheus.io/docs/practices/naming/
 */
import type { Server } from 'node:http'
import { promisify } from 'node:util'
import type { RealPort } from '@overlap/backend'
import { Counter, Gauge, type Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Admission } from './admission.ts'
import { type EchoServers, endings } from './echo-servers.ts'
import type { FeedLog } from './feed-log.ts'
import { type Followers, ways } from './followers.ts'
import type { GateCounts, Gates } from './gates.ts'
import type { Lanes } from './lanes.ts'
import { outcomes } from './run.ts'
import { Tally } from './tally.ts'

export class Metrics {
  readonly registry = new Registry()
  readonly #tallies: { scenario: string; style: string; tally: Tally }[] = []

  constructor(port: Pick<RealPort, 'stats'>, lanes: Lanes, echo?: EchoServers) {
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
    this.registry.registerMetric(this.#createDurations('overlap_run_duration_seconds'))
    const running = new Gauge({
      name: 'overlap_runs_running',
      help: 'Runs that have not settled.',
      labelNames: ['style'],
      registers,
      collect: () => {
        for (const lane of [...lanes.values(), ...lanes.exhibits])
          running.set({ style: lane.style.name }, lane.running)
      },
    })
    const database = new Gauge({
      name: 'overlap_database_connections',
      help: 'Connections to Postgres by state, and the calls that wait for one.',
      labelNames: ['state'],
      registers,
      collect: () => {
        const { waitMs: _, ...counts } = port.stats().database
        for (const [state, count] of Object.entries(counts)) database.set({ state }, count)
      },
    })
    const wait = new Gauge({
      name: 'overlap_database_wait_seconds',
      help: 'How long a call that is made now would wait for a connection to Postgres, about.',
      registers,
      collect: () => {
        wait.set(port.stats().database.waitMs / 1000)
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
    const resizes = new Gauge({
      name: 'overlap_resizes',
      help: 'Resizes that worker threads are at work on, and those that wait for one.',
      labelNames: ['state'],
      registers,
      collect: () => {
        for (const [state, count] of Object.entries(port.stats().workers)) resizes.set({ state }, count)
      },
    })
    if (echo) addEchoMetrics(echo, registers)
  }

  showFeed(log: Pick<FeedLog, 'stats'>, followers: Pick<Followers, 'counts' | 'dropped'>): void {
    const registers = [this.registry]
    const following = new Gauge({
      name: 'overlap_feed_followers',
      help: 'Clients that wait for a message of the feed, or follow it.',
      labelNames: ['way'],
      registers,
      collect: () => {
        for (const way of ways) following.set({ way }, followers.counts[way])
      },
    })
    const dropped: Counter = new Counter({
      name: 'overlap_feed_dropped_total',
      help: 'Those among them that were let go because they did not read.',
      labelNames: ['way'],
      registers,
      collect: () => {
        dropped.reset()
        for (const way of ways) dropped.inc({ way }, followers.dropped[way])
      },
    })
    const kept = new Gauge({
      name: 'overlap_feed_log',
      help: 'What the feed holds: channels that it listens to, messages and the bytes of their texts.',
      labelNames: ['what'],
      registers,
      collect: () => {
        for (const [what, count] of Object.entries(log.stats)) kept.set({ what }, count)
      },
    })
  }

  showGates(gates: Pick<Gates, 'all'>): void {
    const registers = [this.registry]
    const each = (show: (labels: { rule: string; style: string }, counts: GateCounts) => void) => {
      for (const gate of gates.all)
        for (const [style, counts] of gate.stats()) show({ rule: gate.name, style }, counts)
    }
    const passing = new Gauge({
      name: 'overlap_gate_runs',
      help: 'Runs that a rule regulates: those that wait for their turn, and those that run.',
      labelNames: ['rule', 'style', 'state'],
      registers,
      collect: () => {
        each((labels, { waiting, running }) => {
          passing.set({ ...labels, state: 'waiting' }, waiting)
          passing.set({ ...labels, state: 'running' }, running)
        })
      },
    })
    const refused: Counter = new Counter({
      name: 'overlap_gate_refused_total',
      help: 'Runs that found as many waiting as may wait.',
      labelNames: ['rule', 'style'],
      registers,
      collect: () => {
        refused.reset()
        each((labels, counts) => refused.inc(labels, counts.refused))
      },
    })
    const keys = new Gauge({
      name: 'overlap_gate_keys',
      help: 'Values of its header of which anything runs, waits, or holds back the next one.',
      labelNames: ['rule', 'style'],
      registers,
      collect: () => each((labels, counts) => keys.set(labels, counts.keys)),
    })
  }

  showConnections(server: Server): void {
    const registers = [this.registry]
    let refused = 0
    server.on('drop', () => refused++)
    const count = promisify(server.getConnections.bind(server))
    const connections: Gauge = new Gauge({
      name: 'overlap_http_connections',
      help: 'Connections to the server that are open, with event streams and WebSockets.',
      registers,
      collect: async () => connections.set(await count()),
    })
    const closed: Counter = new Counter({
      name: 'overlap_http_connections_refused_total',
      help: 'Connections that were closed at once, because there were too many.',
      registers,
      collect: () => {
        closed.reset()
        closed.inc(refused)
      },
    })
  }

  showAdmission(admission: Pick<Admission, 'limit' | 'refused'>): void {
    const registers = [this.registry]
    const limit = new Gauge({
      name: 'overlap_runs_limit',
      help: 'How many runs are let in at present.',
      registers,
      collect: () => {
        limit.set(admission.limit)
      },
    })
    const refused: Counter = new Counter({
      name: 'overlap_runs_refused_total',
      help: 'Runs that were not let in, because the server was overloaded.',
      registers,
      collect: () => {
        refused.reset()
        refused.inc(admission.refused)
      },
    })
  }

  /** For one scenario in one style. */
  createTally(scenario: string, style: string): Tally {
    const tally = new Tally()
    this.#tallies.push({ scenario, style, tally })
    return tally
  }

  /** A histogram whose numbers are the tallies': prom-client's own looks its labels up at every run. */
  #createDurations(name: string): Histogram {
    const collect = () =>
      this.#tallies
        .filter(({ tally }) => tally.settled > 0)
        .flatMap(({ scenario, style, tally }) => {
          const labels = { scenario, style }
          return [
            ...tally.cumulated().map(({ leMs, count }) => ({
              metricName: `${name}_bucket`,
              labels: { le: leMs === Infinity ? '+Inf' : leMs / 1000, ...labels },
              value: count,
            })),
            { metricName: `${name}_sum`, labels, value: tally.sumMs / 1000 },
            { metricName: `${name}_count`, labels, value: tally.settled },
          ]
        })
    const metric = {
      name,
      get: async () => ({
        name,
        help: 'How long runs took until they settled.',
        type: 'histogram',
        values: collect(),
      }),
    }
    // A cast, because a registry asks for no more than this, but its type for a whole `Histogram`.
    return metric as unknown as Histogram
  }
}

function addEchoMetrics(echo: EchoServers, registers: Registry[]) {
  const open = new Gauge({
    name: 'overlap_echo_connections',
    help: 'Connections to the echo servers that are open.',
    labelNames: ['style'],
    registers,
    collect: () => {
      for (const [style, stats] of echo.stats()) open.set({ style }, stats.open)
    },
  })
  const ended: Counter = new Counter({
    name: 'overlap_echo_connections_total',
    help: 'Connections to the echo servers that have ended; refused: there were too many.',
    labelNames: ['style', 'outcome'],
    registers,
    collect: () => {
      ended.reset()
      for (const [style, stats] of echo.stats())
        for (const outcome of endings) ended.inc({ style, outcome }, stats[outcome])
    },
  })
  const bytes: Counter = new Counter({
    name: 'overlap_echo_bytes_total',
    help: 'Bytes that the echo servers have sent back.',
    labelNames: ['style'],
    registers,
    collect: () => {
      bytes.reset()
      for (const [style, stats] of echo.stats()) bytes.inc({ style }, stats.bytes)
    },
  })
}
