/**
 * `GET /api/run/:scenario`: one static route per scenario of the manifest, so that nothing is looked up by
 * a name from outside, and everything that does not depend on the request is made beforehand. This is
 * the path that is measured: what is done here is done for every request.
 */
import { type Availability, type Port, type Scenario, type Sku, scenarios } from '@overlap/workload'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Context } from '../context.ts'
import type { Lane } from '../lanes.ts'
import { Problem, closing } from '../problem.ts'
import { type Outcome, Run } from '../run.ts'
import { type RunParameters, createRunQuery } from '../run-parameters.ts'
import { ClientLeftError } from '../runs.ts'
import { problemResponse, runResponse } from '../schemas.ts'
import type { Tally } from '../tally.ts'

/** One scenario in one style, with all that its runs share. */
interface Cell {
  readonly lane: Lane
  readonly tally: Tally
  readonly start: (port: Port, sku: Sku, signal: AbortSignal) => Promise<Availability>
}

export function addRunRoutes(app: FastifyInstance, context: Context): void {
  const query = createRunQuery(context.lanes.names)
  for (const scenario of scenarios) addRunRoute(app, context, scenario, query)

  const names = scenarios.map(({ name }) => name).join(', ')
  app.get<{ Params: { scenario: string } }>(
    '/api/run/:scenario',
    { schema: { hide: true } },
    ({ params: { scenario } }) => {
      const error = { field: 'scenario', expected: `one of ${names}`, received: scenario }
      throw new Problem(404, `There is no such scenario, only ${names}.`, { errors: [error] })
    },
  )
}

function addRunRoute(
  app: FastifyInstance,
  { port, lanes, runs, hub, metrics }: Context,
  { name, firstSentence }: Scenario,
  query: ReturnType<typeof createRunQuery>,
) {
  const cells = new Map<Lane, Cell>()
  for (const lane of lanes.values()) {
    const { style } = lane
    const start: Cell['start'] = (runPort, sku, signal) => style[name](runPort, sku, signal)
    cells.set(lane, { lane, tally: metrics.createTally(name, style.name), start })
  }

  app.get<{ Querystring: RunParameters }>(
    `/api/run/${name}`,
    {
      schema: {
        summary: firstSentence,
        tags: ['runs'],
        querystring: query.schema,
        response: { 200: runResponse, default: problemResponse },
      },
      validatorCompiler: () => query.check,
    },
    async ({ query: { style, sku, dbMs, httpMs } }, reply) => {
      if (runs.closing) throw closing()
      const lane = (style === undefined ? undefined : lanes.get(style)) ?? lanes.active
      const cell = cells.get(lane)
      if (!cell) throw new Error(`no cell for ${lane.style.name}`)

      const run = new Run(name, lane.style.name, hub)
      const byDefault = style === undefined ? 1 : 0
      runs.add(run)
      lane.running++
      lane.runningByDefault += byDefault
      // It closes after the answer as well, for every run: an error would cost more there than all the rest.
      reply.raw.on('close', () => {
        if (!run.settled) run.cancel(new ClientLeftError('the client has left'))
      })
      try {
        const result = await cell.start(port.forRun({ dbMs, httpMs, observe: run.observe }), sku, run.signal)
        settle(run, cell, 'succeeded', reply)
        return { scenario: name, style: lane.style.name, result, trace: run.trace }
      } catch (error) {
        settle(run, cell, run.signal.aborted ? 'cancelled' : 'failed', reply)
        if (!(error instanceof ClientLeftError)) throw error
        return reply.hijack()
      } finally {
        lane.running--
        lane.runningByDefault -= byDefault
        runs.delete(run)
      }
    },
  )

  function settle(run: Run, cell: Cell, outcome: Outcome, reply: FastifyReply) {
    run.settle(outcome)
    cell.tally.add(outcome, run.elapsedMs)
    reply.header('server-timing', run.serverTiming())
    if (runs.closing) reply.header('connection', 'close')
  }
}
