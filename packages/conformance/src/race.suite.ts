import type { RaceInput, Reservation } from '@overlap/workload'
import * as fc from 'fast-check'
import type { Subject, Suite } from './clause.ts'
import { commonRealClauses, reservation } from './real-clauses.ts'
import { askReplica, firstSuccess, replicaClauses, wrongReplicas } from './replicas.ts'
import { refusesInputs, standingClauses } from './standing.ts'
import { walkClause } from './walk.ts'
import { slowMs, withPort } from './world.ts'

const subject: Subject<RaceInput, Reservation> = {
  scenario: 'race',
  run: (style) => style.race.bind(style),
  input: (n) => ({ replicas: n % 2 === 0 ? [2, 0, 1] : [n, n + 1], sku: `A-${n}` }),
  reference: (input, history) => ({
    calls: input.replicas.map((replica) => askReplica(replica, input.sku)),
    outcome: firstSuccess(input, history),
  }),
}

export const raceSuite: Suite = {
  scenario: 'race',
  clauses: [
    ...standingClauses(subject),
    ...replicaClauses(
      subject,
      (replicas) => ({ replicas, sku: 'A-42' }),
      async () => {},
    ),
    walkClause(
      subject,
      fc.record({
        replicas: fc.uniqueArray(fc.nat({ max: 99 }), { maxLength: 6 }),
        sku: fc.constant('A-42'),
      }),
    ),
    refusesInputs(
      subject,
      wrongReplicas.map(({ replicas, message }) => ({ input: { replicas, sku: 'A-42' }, message })),
    ),
  ],
  realClauses: [
    ...commonRealClauses({
      run: subject.run,
      input: { replicas: [0, 1, 2], sku: 'A-42' },
      output: reservation,
      running: { queries: 0, requests: 3 },
    }),
    {
      title: 'after one replica has answered, the sockets of the requests to the others are closed',
      check: (style, world) =>
        withPort(world, {}, async (seen) => {
          const port = seen.port.forRun({ dbMs: 0, httpMs: slowMs, replicaMs: [slowMs, 300, slowMs] })
          const run = style.race(port, { replicas: [0, 1, 2], sku: 'A-42' }, new AbortController().signal)
          await seen.until('all have been asked', () => seen.requests() === 3)
          await run
          await seen.isQuiet()
          await seen.hasNoSocket(0)
          await seen.hasNoSocket(2)
        }),
    },
    {
      title: 'while two replicas answer 503, the third one’s answer is enough',
      check: (style, world) =>
        withPort(world, {}, async ({ port }) => {
          const failing = port.forRun({ dbMs: 0, httpMs: 0, replicaMs: [0, 0, 50], failures: 2 })
          const run = style.race(failing, { replicas: [0, 1, 2], sku: 'A-42' }, new AbortController().signal)
          await run
        }),
    },
  ],
}
