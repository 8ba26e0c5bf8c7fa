/**
 * `GET /api/run/:scenario`: one static route per scenario of the manifest, so that nothing is looked up by
 * a name from outside, and everything that does not depend on the request is made beforehand. This is
 * the path that is measured: what is done here is done for every request.
 */
import { type Availability, type Port, type Scenario, type Sku, scenarios } from '@overlap/workload'
import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import type { Lane } from '../lanes.ts'
import { Problem, closing } from '../problem.ts'
import { type Outcome, Run } from '../run.ts'
import { type RunParameters, createRunQuery } from '../run-parameters.ts'
import { ClientLeftError } from '../runs.ts'
import { problemResponse, runResponse } from '../schemas.ts'
import type { Tally } from '../tally.ts'
import { Watch } from '../watch.ts'

/** One scenario in one style, with all that its runs share. */
interface Cell {
  readonly lane: Lane
  readonly tally: Tally
  readonly start: (port: Port, sku: Sku, signal: AbortSignal) => Promise<Availability>
}

export function addRunRoutes(app: FastifyInstance, context: Context): void {
  for (const scenario of scenarios) addRunRoute(app, context, scenario)

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
) {
  const cells = new Map<string, Cell>()
  for (const lane of lanes.values()) {
    const { style } = lane
    const start: Cell['start'] = (runPort, sku, signal) => style[name](runPort, sku, signal)
    cells.set(style.name, { lane, tally: metrics.createTally(name, style.name), start })
  }
  const query = createRunQuery(cells)

  app.get<{ Querystring: RunParameters<Cell> }>(
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
    async ({ query: { style, sku, dbMs, httpMs, trace } }, reply) => {
      if (runs.closing) throw closing()
      const cell = style ?? cells.get(lanes.active.style.name)
      if (!cell) throw new Error(`no cell for ${lanes.active.style.name}`)
      const { lane } = cell

      const run = new Run()
      const watch = trace || hub.listening ? new Watch(run, name, lane.style.name, hub) : undefined
      const traced = trace ? watch : undefined
      const byDefault = style === null ? 1 : 0
      runs.add(run)
      lane.running++
      lane.runningByDefault += byDefault
      // It closes after the answer as well, for every run: an error would cost more there than all the rest.
      reply.raw.on('close', () => {
        if (!run.settled) run.cancel(new ClientLeftError('the client has left'))
      })
      const settle = (outcome: Outcome) => {
        const ms = run.elapsedMs
        run.settled = true
        watch?.settle(outcome)
        cell.tally.add(outcome, ms)
        reply.header('server-timing', `${traced ? `${traced.callTimings()}, ` : ''}total;dur=${ms}`)
        if (runs.closing) reply.header('connection', 'close')
      }
      try {
        const runPort = port.forRun({ dbMs, httpMs, observe: watch?.observe })
        const result = await cell.start(runPort, sku, run.signal)
        settle('succeeded')
        return { scenario: name, style: lane.style.name, result, trace: traced?.trace }
      } catch (error) {
        settle(run.signal.aborted ? 'cancelled' : 'failed')
        if (!(error instanceof ClientLeftError)) throw error
        return reply.hijack()
      } finally {
        lane.running--
        lane.runningByDefault -= byDefault
        runs.delete(run)
      }
    },
  )
}
