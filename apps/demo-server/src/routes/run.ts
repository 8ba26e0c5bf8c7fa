/**
 * `/api/run/:scenario`: one static route per scenario of the manifest, so that nothing is looked up by
 * a name from outside, and everything that does not depend on the request is made beforehand. This is
 * the path that is measured: what is done here is done for every request.
 */
import type { OutgoingHttpHeaders } from 'node:http'
import { type Scenario, scenarios } from '@overlap/workload'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Format, formatFor, sendAnswers } from '../answers.ts'
import type { Context, ServerPort } from '../context.ts'
import { passAll } from '../gates.ts'
import type { Lane, Lanes } from '../lanes.ts'
import { Loaders } from '../loaders.ts'
import { databaseDelay, databaseFault, duration, fault, flag, nameOf } from '../parameters.ts'
import { Problem, closing, logDefect, notAllowed, overloaded, problemOf, unavailable } from '../problem.ts'
import { type Many, type PortParameters, type Program, type Single, programs } from '../programs.ts'
import { type Cell, type Outcome, Run } from '../run.ts'
import { createRunQuery } from '../run-query.ts'
import { AbortedError, ClientLeftError } from '../runs.ts'
import { answersResponse, problemResponse, runResponse } from '../schemas.ts'
import { Watch } from '../watch.ts'

/** One scenario in one style, and the JSON of every answer up to the result. */
interface JsonCell extends Cell {
  readonly port: ServerPort
  /** Runs at the same time. */
  readonly most: number
  readonly loaders: Loaders
  readonly opening: string
}

/** How many runs of an exhibit there may be at the same time: what one of them holds may have no bound. */
export const EXHIBIT_RUNS = 10

export function addRunRoutes(app: FastifyInstance, context: Context): void {
  for (const scenario of scenarios) addRunRoute(app, context, scenario, programs[scenario.name])

  const names = scenarios.map(({ name }) => name).join(', ')
  app.get<{ Params: { scenario: string } }>('/api/run/:scenario', { schema: { hide: true } }, (request) => {
    context.refusals.refuse(request)
    const { scenario } = request.params
    const other = scenarios.find(({ name }) => name === scenario)
    if (other) throw notAllowed('GET', programs[other.name].method)
    const error = { field: 'scenario', expected: `one of ${names}`, received: scenario }
    throw new Problem(404, `There is no such scenario, only ${names}.`, { errors: [error] })
  })
}

function addRunRoute(
  app: FastifyInstance,
  { port, exhibitPort, lanes, runs, audiences, gates, metrics, admission, refusals }: Context,
  { name, firstSentence }: Scenario,
  program: Program,
) {
  const cells = new Map<string, JsonCell>()
  for (const lane of lanes.values()) addCell(lane, port, Infinity)
  for (const lane of lanes.exhibits) addCell(lane, exhibitPort, EXHIBIT_RUNS)

  function addCell(lane: Lane, itsPort: ServerPort, most: number) {
    const style = lane.style.name
    cells.set(style, {
      scenario: name,
      lane,
      tally: metrics.createTally(name, style),
      runs,
      port: itsPort,
      most,
      loaders: new Loaders(lane.style, itsPort),
      opening: `{"scenario":${JSON.stringify(name)},"style":${JSON.stringify(style)},"result":`,
    })
  }
  const query = createRunQuery({
    style: nameOf(cells, describeStyle(lanes)),
    ...program.table,
    dbMs: databaseDelay,
    httpMs: duration(0, 300, 'How many milliseconds the reservation service takes to answer.'),
    trace: flag('Whether the answer tells what the calls did.'),
    dbFault: databaseFault,
    httpFault: fault(
      'Whether the reservation service answers each request with 503, after its delay. It has no effect on a scenario without one.',
    ),
    abortMs: duration(
      0,
      0,
      'After how many milliseconds the run is aborted, and answered with 504; 0: never.',
    ),
  })

  app.route({
    method: program.method,
    url: `/api/run/${name}`,
    schema: {
      summary: firstSentence,
      tags: ['runs'],
      querystring: query.schema,
      response: {
        200: program.many ? answersResponse(program.result) : runResponse(program.result),
        default: problemResponse,
      },
    },
    // The handler reads the query itself, so that the URL's length comes first.
    validatorCompiler: () => () => true,
    // Before its body is read.
    ...(program.method === 'POST' && {
      onRequest: (request, _reply, done) => {
        refusals.refuse(request)
        refusals.authorize(request)
        done()
      },
    }),
    handler: program.many ? answerMany(program) : answerOnce(program),
  })

  function answerOnce({ start }: Single) {
    return (request: FastifyRequest, reply: FastifyReply) => {
      const { run, runPort, values, passes } = prepare(request)
      const { lane, opening } = run.cell
      const answer = passes
        ? passAll(passes, request.headers, run, () => start(lane.style, runPort, values, run.signal, run))
        : start(lane.style, runPort, values, run.signal, run)
      begin(run, values.abortMs, reply)
      return answer.then(
        (result) => {
          const timing = settle(run, 'succeeded')
          const rest = run.traced ? `,"trace":${JSON.stringify(run.trace)}}` : '}'
          return send(reply, opening + JSON.stringify(result) + rest, timing, runs.closing)
        },
        (error: unknown) => fail(run, reply, error),
      )
    }
  }

  function answerMany({ start }: Many) {
    return (request: FastifyRequest, reply: FastifyReply) => {
      const format = formatFor(request.headers.accept)
      // The next request on its connection would wait for the end of an answer that has none.
      if (program.endless && request.method === 'HEAD') return sendHead(request, reply, format)
      const { run, runPort, values, passes } = prepare(request)
      const { style } = run.cell.lane
      const answer = () =>
        sendAnswers(reply.raw, {
          answers: start(style, runPort, values, run.signal),
          signal: run.signal,
          format,
          begin() {
            reply.hijack()
            reply.raw.writeHead(200, streamHead(format, runs.closing))
          },
          end: () => ({ scenario: name, style: style.name, trace: run.trace }),
          problem: problemOf,
        })
      const sent = passes ? passAll(passes, request.headers, run, answer) : answer()
      begin(run, values.abortMs, reply)
      return sent.then(
        (failure) => {
          if (failure && !run.signal.aborted) logDefect(request.log, failure.error)
          settle(run, failure ? outcomeOf(run) : 'succeeded')
          return reply
        },
        (error: unknown) => fail(run, reply, error),
      )
    }
  }

  function sendHead(request: FastifyRequest, reply: FastifyReply, format: Format) {
    refusals.refuse(request)
    query.read(request.query)
    if (runs.closing) throw closing()
    reply.raw.writeHead(200, streamHead(format, false)).end()
    return reply.hijack()
  }

  function prepare(request: FastifyRequest) {
    refusals.refuse(request)
    const { query: texts, headers } = request
    const values = query.read(texts)
    const passes = gates.find(headers)
    if (runs.closing) throw closing()
    // `shed` looks at how the URL begins, and there are other ways to write it: `/%61pi/run/…`, `http://…/api/run/…`.
    if (admission.full) {
      admission.refused++
      throw overloaded()
    }
    const cell = values.style ?? cells.get(lanes.active.style.name)
    if (!cell) throw new Error(`no cell for ${lanes.active.style.name}`)
    if (cell.lane.running >= cell.most)
      throw unavailable('As many runs of the exhibit are under way as may be.')
    const run = new Run(cell, {
      byDefault: values.style === null,
      traced: values.trace,
      endless: program.endless,
    })
    const audience = audiences.of(headers.traceparent)
    if (run.traced || audience) run.watch = new Watch(run, audience)
    // Only some programs ask for these.
    const { replicaMs, failures } = values as PortParameters
    const { dbMs, httpMs, dbFault: dbFails, httpFault: httpFails } = values
    const observe = run.watch?.observe
    const runPort = cell.port.forRun({ dbMs, httpMs, replicaMs, failures, dbFails, httpFails, observe })
    return { run, runPort, values, passes }
  }

  /** Once the style has started it, and has not thrown instead. */
  function begin(run: Run, abortMs: number, { raw }: FastifyReply) {
    run.begin()
    if (abortMs > 0) run.cancelAfter(abortMs, new AbortedError(abortMs))
    admission.begin()
    // It closes after the answer as well, for every run: an error would cost more there than all the rest.
    raw.on('close', () => {
      if (!run.settled) run.cancel(new ClientLeftError('the client has left'))
    })
  }

  function settle(run: Run, outcome: Outcome): string {
    admission.settle()
    return run.settle(outcome)
  }

  /** What has failed before its answer began goes the way of every error. */
  function fail(run: Run, reply: FastifyReply, error: unknown): FastifyReply {
    const timing = settle(run, outcomeOf(run))
    if (error instanceof ClientLeftError) return reply.hijack()
    reply.header('server-timing', timing)
    if (runs.closing) reply.header('connection', 'close')
    throw error
  }
}

function describeStyle({ exhibits }: Lanes): string {
  const [exhibit] = exhibits
  const besides = exhibit ? ` \`${exhibit.style.name}\` is an exhibit: what it leaves running runs on.` : ''
  return `For this run only; the active style when absent.${besides}`
}

const outcomeOf = ({ signal }: Run): Outcome => (signal.aborted ? 'cancelled' : 'failed')

/**
 * Writes a success itself: Fastify's way there looks for hooks, serializers and headers that it has none of. The reply is not
 * handed back to it: that is a thenable, which a promise would wait for.
 */
function send(reply: FastifyReply, body: string, timing: string, closes: boolean): void {
  const head: OutgoingHttpHeaders = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
    'server-timing': timing,
  }
  if (closes) head['connection'] = 'close'
  reply.raw.writeHead(200, head).end(body)
  reply.hijack()
}

function streamHead({ contentType }: Format, closes: boolean): OutgoingHttpHeaders {
  return {
    'content-type': contentType,
    'cache-control': 'no-store',
    vary: 'accept',
    'x-content-type-options': 'nosniff',
    'x-accel-buffering': 'no',
    ...(closes && { connection: 'close' }),
  }
}
