/**
 * `GET /api/run/:scenario`: one static route per scenario of the manifest, so that nothing is looked up by
 * a name from outside, and everything that does not depend on the request is made beforehand. This is
 * the path that is measured: what is done here is done for every request.
 */
import type { OutgoingHttpHeaders } from 'node:http'
import { type Availability, type Port, type Scenario, type Sku, scenarios } from '@overlap/workload'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Context } from '../context.ts'
import type { Lane } from '../lanes.ts'
import { Problem, closing } from '../problem.ts'
import { refuseLongUrl } from '../refusals.ts'
import { type Outcome, Run } from '../run.ts'
import { createRunQuery } from '../run-parameters.ts'
import { ClientLeftError } from '../runs.ts'
import { problemResponse, runResponse } from '../schemas.ts'
import type { Tally } from '../tally.ts'
import { Watch } from '../watch.ts'

/** One scenario in one style, with all that its runs share. */
interface Cell {
  readonly lane: Lane
  readonly tally: Tally
  readonly start: (port: Port, sku: Sku, signal: AbortSignal) => Promise<Availability>
  /** The JSON of every answer, up to the result. */
  readonly opening: string
}

export function addRunRoutes(app: FastifyInstance, context: Context): void {
  for (const scenario of scenarios) addRunRoute(app, context, scenario)

  const names = scenarios.map(({ name }) => name).join(', ')
  app.get<{ Params: { scenario: string } }>(
    '/api/run/:scenario',
    { schema: { hide: true } },
    ({ url, params: { scenario } }) => {
      refuseLongUrl(url)
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
    cells.set(style.name, {
      lane,
      tally: metrics.createTally(name, style.name),
      start: (runPort, sku, signal) => style[name](runPort, sku, signal),
      opening: `{"scenario":${JSON.stringify(name)},"style":${JSON.stringify(style.name)},"result":`,
    })
  }
  const query = createRunQuery(cells)

  app.get(
    `/api/run/${name}`,
    {
      schema: {
        summary: firstSentence,
        tags: ['runs'],
        querystring: query.schema,
        response: { 200: runResponse, default: problemResponse },
      },
      // The handler reads the query itself, so that the URL's length comes first.
      validatorCompiler: () => () => true,
    },
    (request, reply) => {
      refuseLongUrl(request.url)
      const { style, sku, dbMs, httpMs, trace } = query.read(request.query)
      if (runs.closing) throw closing()
      const cell = style ?? cells.get(lanes.active.style.name)
      if (!cell) throw new Error(`no cell for ${lanes.active.style.name}`)
      const { lane, tally, start, opening } = cell

      const run = new Run()
      const watch = trace || hub.listening ? new Watch(run, name, lane.style.name, hub) : undefined
      const traced = trace ? watch : undefined
      const answer = start(port.forRun({ dbMs, httpMs, observe: watch?.observe }), sku, run.signal)

      const byDefault = style === null ? 1 : 0
      runs.add(run)
      lane.running++
      lane.runningByDefault += byDefault
      // It closes after the answer as well, for every run: an error would cost more there than all the rest.
      reply.raw.on('close', () => {
        if (!run.settled) run.cancel(new ClientLeftError('the client has left'))
      })

      return answer.then(
        (result) => {
          const timing = settle('succeeded')
          const rest = traced ? `,"trace":${JSON.stringify(traced.trace)}}` : '}'
          return send(reply, opening + JSON.stringify(result) + rest, timing, runs.closing)
        },
        (error: unknown) => {
          const timing = settle(run.signal.aborted ? 'cancelled' : 'failed')
          if (error instanceof ClientLeftError) return reply.hijack()
          reply.header('server-timing', timing)
          if (runs.closing) reply.header('connection', 'close')
          throw error
        },
      )

      /** Answers with the value of `Server-Timing`. */
      function settle(outcome: Outcome): string {
        const ms = run.elapsedMs
        run.settled = true
        watch?.settle(outcome)
        tally.add(outcome, ms)
        lane.running--
        lane.runningByDefault -= byDefault
        runs.delete(run)
        return `${traced ? `${traced.callTimings()}, ` : ''}total;dur=${ms}`
      }
    },
  )
}

/** Writes a success itself: Fastify's way there looks for hooks, serializers and headers that it has none of. */
function send(reply: FastifyReply, body: string, timing: string, closes: boolean): FastifyReply {
  const head: OutgoingHttpHeaders = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
    'server-timing': timing,
  }
  if (closes) head['connection'] = 'close'
  reply.raw.writeHead(200, head).end(body)
  return reply.hijack()
}
