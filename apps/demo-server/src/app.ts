/**
 * The server as a Fastify instance. It reads no environment, handles no signal and starts nothing, so a
 * test can build one for itself and ask it without a socket.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import swagger from '@fastify/swagger'
import type { Page } from '@overlap/page'
import type { Style } from '@overlap/workload'
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import type { Logger } from 'pino'
import { Admission, type AdmissionLimits } from './admission.ts'
import { Audiences } from './audiences.ts'
import type { Context, ServerPort } from './context.ts'
import type { EchoServers } from './echo-servers.ts'
import type { ExperimentUrls } from './experiments.ts'
import type { FaultProxies } from './faults.ts'
import { Feed, type FeedLimits } from './feed.ts'
import { Gates } from './gates.ts'
import { type HttpLimits, createHttpServer } from './http-server.ts'
import { Lanes } from './lanes.ts'
import { LoadControl } from './load-control.ts'
import { Metrics } from './metrics.ts'
import { Problem, answerOnSocket, handleError } from './problem.ts'
import { Readiness } from './readiness.ts'
import { createGuard, createRefusals, isSafe } from './refusals.ts'
import { addCatalogueRoutes } from './routes/catalogue.ts'
import { addEventRoute } from './routes/events.ts'
import { addExperimentRoutes } from './routes/experiments.ts'
import { addFaultRoutes } from './routes/faults.ts'
import { addFeedRoutes } from './routes/feed.ts'
import { acceptFollowers } from './routes/feed-socket.ts'
import { addLoadRoutes } from './routes/load.ts'
import { addOperatorRoutes } from './routes/operator.ts'
import { addPageRoutes } from './routes/page.ts'
import { addRunRoutes } from './routes/run.ts'
import { addStyleRoutes } from './routes/styles.ts'
import { addSuiteRoutes } from './routes/suite.ts'
import type { Rule } from './rules.ts'
import { Runs } from './runs.ts'
import { shed } from './shed.ts'
import { judgedStyles } from './styles.ts'
import { readSources, readSuiteSources } from './sources.ts'
import { SuiteRuns } from './suite-runs.ts'

interface AppOptions {
  readonly port: ServerPort
  readonly styles: readonly Style[]
  /** The name of the style that is active at first. */
  readonly initialStyle: string
  /** What can be run besides, on a port of its own: what it leaves running then keeps no style waiting. */
  readonly exhibits?: { readonly styles: readonly Style[]; readonly port: ServerPort } | undefined
  /** Whoever changes something needs it. Without one the server must listen on this machine only. */
  readonly adminToken?: string | undefined
  /** The TCP servers beside it, which it stops with itself. */
  readonly echo?: EchoServers | undefined
  /** Between the port and what is behind it. By default there are none. */
  readonly faults?: FaultProxies | undefined
  /** For the experiments that need a process of their own. */
  readonly experimentUrls?: ExperimentUrls | undefined
  /** Without it, there is no `/`. */
  readonly page?: Page | undefined
  readonly log: Logger
  /** Resolves when the server can do its work. By default, when the port says so. */
  readonly check?: () => Promise<void>
  readonly feed?: Partial<FeedLimits>
  readonly http?: Partial<HttpLimits>
  /** Which runs wait for one another. By default none does. */
  readonly rules?: readonly Rule[]
  /** By default, every run is let in. */
  readonly admit?: AdmissionLimits | undefined
  /** Where the verdicts of the suite are kept. By default, nowhere. */
  readonly suiteFile?: string | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * From now on runs and `/readyz` are answered with 503, and nobody is echoed, while what runs may
     * finish. Resolves when nothing runs any more, with whether it finished within `graceMs`: the rest
     * was cancelled.
     */
    drain(graceMs: number): Promise<boolean>
  }
}

/** Closing the app cancels what still runs; `drain` it before. */
export function buildApp(options: AppOptions): FastifyInstance {
  const context = createContext(options)
  const app = createFastify(options, context)
  const { port, exhibitPort, lanes, runs, admission, audiences, echo, feed, log, suite } = context
  const load = new LoadControl({
    statsOf: (style) => (lanes.get(style) ? port : exhibitPort).stats(),
    admission,
    log,
    ask: async (url, signal) => {
      const { statusCode, payload } = await app.inject({ url, signal })
      return { status: statusCode, body: payload }
    },
  })

  async function drain(graceMs: number): Promise<boolean> {
    const drained = runs.drain(graceMs)
    // Its runs need not finish: nobody waits for them but itself.
    const stopped = Promise.all([load.stop(), suite.stop()])
    const finished = await Promise.all([drained, echo?.drain(graceMs) ?? true])
    await stopped
    return finished.every(Boolean)
  }
  app.decorate('drain', drain)
  app.addHook('preClose', async () => {
    await drain(0)
    audiences.end()
    load.hub.end()
    // A client that neither sends nor leaves must not hold the shutdown up.
    setTimeout(() => {
      app.server.closeAllConnections()
      feed.close()
    }, 1000).unref()
  })
  app.addHook('onReady', async () => {
    if (options.admit) admission.start()
  })
  app.addHook('onClose', async () => {
    admission.stop()
    feed.close()
  })

  app.setErrorHandler(handleError)
  acceptJsonOnly(app)
  const guard = createGuard(app, context.refusals)
  void app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Overlap',
        description: 'One I/O-bound job in five concurrency styles.',
        version: '0.0.0',
      },
      components: { securitySchemes: { adminToken: { type: 'http', scheme: 'bearer' } } },
    },
    transform: ({ schema, url, route: { method } }) => {
      const isGuarded = options.adminToken !== undefined && ![method].flat().every(isSafe)
      return { url, schema: isGuarded ? { ...schema, security: [{ adminToken: [] }] } : schema }
    },
    transformObject: (document) => {
      if ('swaggerObject' in document) return document.swaggerObject
      const { openapiObject } = document
      // The plugin says of each body that it is required.
      const body = openapiObject.paths?.['/api/suite']?.post?.requestBody
      if (body && 'content' in body) body.required = false
      return openapiObject
    },
  })
  // Plugins of their own, because routes are described only when they come after the one above.
  void app.register((routes, _options, done) => {
    guard(routes)
    addCatalogueRoutes(routes, context)
    addStyleRoutes(routes, context)
    addEventRoute(routes, context)
    addFeedRoutes(routes, context)
    addFaultRoutes(routes, context)
    addLoadRoutes(routes, context, load)
    addExperimentRoutes(routes, context, load, options.experimentUrls)
    addSuiteRoutes(routes, context)
    addOperatorRoutes(routes, context)
    if (options.page) addPageRoutes(routes, context, options.page)
    done()
  })
  // Without the guard's hook, because it is the path that is measured: they do themselves what it does.
  void app.register((routes, _options, done) => {
    addRunRoutes(routes, context)
    done()
  })
  acceptFollowers(app.server, context)
  context.metrics.showConnections(app.server)
  return app
}

function createContext({
  port,
  styles,
  initialStyle,
  exhibits = { styles: [], port },
  adminToken,
  echo,
  faults,
  check,
  feed: limits,
  suiteFile,
  rules = [],
  log,
  admit = { maxRuns: Infinity, maxWaitMs: Infinity, maxLagMs: Infinity },
}: AppOptions): Context {
  const lanes = new Lanes(styles, initialStyle, exhibits.styles)
  const runs = new Runs()
  const metrics = new Metrics(port, lanes, echo)
  // An exhibit is held back by a style's regulator: its own is a part of the exhibit, and might let everybody through.
  const { style } = lanes.active
  const regulate: Style['regulate'] = (input) => style.regulate(input)
  const gates = new Gates(rules, [...styles, ...exhibits.styles.map((one) => ({ ...one, regulate }))])
  metrics.showGates(gates)
  const admission = new Admission(port, admit)
  metrics.showAdmission(admission)
  return {
    port,
    exhibitPort: exhibits.port,
    lanes,
    runs,
    admission,
    audiences: new Audiences(),
    feed: new Feed({ port, lanes, runs, metrics, log, limits }),
    gates,
    metrics,
    readiness: new Readiness(check ?? (() => port.check())),
    sources: readSources(lanes.allNames),
    suiteSources: readSuiteSources(),
    suite: new SuiteRuns({ styles: judgedStyles, file: suiteFile, log }),
    refusals: createRefusals(adminToken),
    echo,
    log,
    faults,
  }
}

function createFastify({ log, http }: AppOptions, context: Context): FastifyInstance {
  const loggerInstance: FastifyBaseLogger = log
  const logsRequests = log.isLevelEnabled('info')
  const app = fastify({
    bodyLimit: 16 * 1024,
    serverFactory: (handler) => createHttpServer(shed(handler, context), log, http),
    routerOptions: { maxParamLength: 4096 },
    // Until the sockets are closed, our own answers, which are problems.
    return503OnClosing: false,
    frameworkErrors: handleError,
    clientErrorHandler: answerBrokenRequest,
    // The schemas are ours, so they are not themselves judged by a schema at every start.
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        allErrors: true,
        verbose: true,
        validateSchema: false,
      },
    },
    // With a logger, whatever its level, Fastify listens for the end of every response.
    ...(logsRequests ? { loggerInstance } : { logger: false }),
    logController: new LogController({ disableRequestLogging: !logsRequests }),
  })
  // A schema says what an answer is, and is not compiled to a program that writes it: hot answers write themselves.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  // What goes wrong is logged all the same, without a logger of its own for every request.
  if (!logsRequests) app.setChildLoggerFactory(() => log)
  return app
}

function acceptJsonOnly(app: FastifyInstance) {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser(
    /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i,
    { parseAs: 'string' },
    (request, body, done) => {
      const encoding = request.headers['content-encoding']
      if (encoding !== undefined && encoding !== 'identity')
        done(new Problem(415, `The body is compressed (${encoding.slice(0, 64)}): expected it as it is.`))
      else return parse(request, String(body), done)
    },
  )
  // The HTTP server hands over a request without a body as one that has been read, and Fastify would wait for its end.
  app.addHook('onRoute', (route) => {
    if ([route.method].flat().every(isSafe)) return
    route.preParsing = (_request, _reply, payload, done) =>
      done(null, payload.readableEnded ? Readable.from([]) : payload)
  })
}

const brokenRequests: ReadonlyMap<string, number> = new Map([
  ['HPE_HEADER_OVERFLOW', 431],
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
])

/** What is not HTTP never becomes a request: it is answered on the socket itself. */
function answerBrokenRequest({ code }: NodeJS.ErrnoException, socket: Socket) {
  if (code === 'ECONNRESET' || !socket.writable) return
  // In the midst of another answer it would be taken for a part of that, which is cut off instead, as Node itself does it.
  const { _httpMessage: answer } = socket as { readonly _httpMessage?: ServerResponse | null }
  if (answer?.headersSent) socket.destroy()
  else
    answerOnSocket(
      socket,
      new Problem(brokenRequests.get(code ?? '') ?? 400, 'The request could not be read.'),
    )
}
