/**
 * Who may ask for what. Requests are turned away before their body is looked at: those that are not for this
 * server (421), those of other sites' pages (403), strangers who would change something (401), and those that no
 * route is for (404, or 405 with what is allowed, or 414).
 *
 * What changes something is told by its method, so no route can forget to say so: all but `GET` and `HEAD`. Without
 * an admin token the server listens on this machine only, and whoever is on it may do everything. With one, it is
 * asked for whatever changes something, and reading is for whoever can reach the server.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { isLoopback } from './environment.ts'
import { strictHeaders } from './headers.ts'
import { Problem, notAllowed } from './problem.ts'

const URL_LENGTH = 4096

/** What is looked at of a request, whether it is Fastify's or not. */
interface Asking {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

export interface Refusals {
  /** Throws a problem for what nobody may ask for. Each route does it once, by a hook or itself. */
  readonly refuse: (request: Asking) => void
  /** Throws a problem for what is not for everybody, besides: for a route that changes something. */
  readonly authorize: (request: Asking) => void
}

export function createRefusals(adminToken: string | undefined): Refusals {
  const refuseOtherHosts = adminToken === undefined ? createHostCheck() : () => {}
  const checkToken = adminToken === undefined ? () => {} : createTokenCheck(adminToken)
  return {
    refuse: ({ method, url, headers }) => {
      if (url.length > URL_LENGTH)
        throw new Problem(414, `The URL is too long: expected at most ${URL_LENGTH} characters.`)
      refuseOtherHosts(headers.host)
      if (isOtherSites(method, url, headers))
        throw new Problem(403, 'This may not be asked for by a page of another site.')
    },
    authorize: ({ method, headers }) => {
      if (!isSafe(method)) checkToken(headers.authorization)
    },
  }
}

/**
 * Whether a request with this method changes nothing.
 *
 * Source: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1
 */
export const isSafe = (method: string) => method === 'GET' || method === 'HEAD'

/**
 * A page elsewhere can make its own name point to this machine (DNS rebinding). Its browser then takes both for the
 * same site, and only the name that it asks for gives it away. So all routes look at that, also those that only read.
 */
function createHostCheck() {
  // Nearly always the same, so nearly always one comparison.
  let known = 'localhost'
  return (host = '') => {
    if (host === known) return
    const name = host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1')
    if (!isLoopback(name.toLowerCase()))
      throw new Problem(
        421,
        'This needs a Host header that names this machine: 127.0.0.1, localhost or [::1].',
      )
    known = host
  }
}

/**
 * Whether a page of another site asks: a browser says so. A link on one may lead here, in a window of its own.
 *
 * Where a browser does not tell sites apart, over plain HTTP from another machine for instance, there is `Origin`,
 * which it sends with all but the plainest of reads, and for event streams and WebSockets too.
 * A panel that is made for slides may be framed by them.
 *
 * Source: https://www.w3.org/TR/fetch-metadata/
 */
function isOtherSites(method: string, url: string, headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site']
  if (site === undefined) {
    const { origin, host } = headers
    return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase())
  }
  if (site === 'same-origin' || site === 'none') return false
  const destination = headers['sec-fetch-dest']
  const isShown = destination === 'document' || (destination === 'iframe' && url.startsWith('/embed/'))
  return !(isShown && isSafe(method))
}

function createTokenCheck(token: string) {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expected = digest(`Bearer ${token}`)
  return (authorization = '') => {
    if (!timingSafeEqual(digest(authorization.replace(/^bearer +/i, 'Bearer ')), expected))
      throw new Problem(401, 'This needs the admin token: Authorization: Bearer <token>.', {
        headers: { 'www-authenticate': 'Bearer realm="overlap"' },
      })
  }
}

/**
 * Learns from the routes of `app` which methods a path has, so it must be called before they are added, and before
 * anything that describes them. Answers with what guards a plugin: the routes in it, and all requests that no route
 * is for.
 */
export function createGuard(
  app: FastifyInstance,
  { refuse, authorize }: Refusals,
): (plugin: FastifyInstance) => void {
  const methods = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set()
    for (const each of [method].flat()) known.add(each)
    methods.set(url, known)
  })

  let patterns: { pattern: RegExp; allowed: string }[] = []
  app.addHook('onReady', (done) => {
    patterns = [...methods].map(([url, known]) => ({
      pattern: toPattern(url),
      allowed: [...known].join(', '),
    }))
    done()
  })

  return (plugin) => {
    plugin.addHook('onRequest', (request, reply, done) => {
      reply.headers(strictHeaders)
      refuse(request)
      if (request.is404) throw notFound(request)
      authorize(request)
      done()
    })
    // Brings the requests without a route to this plugin and its hook, which answers before it.
    plugin.setNotFoundHandler(() => {})
  }

  function notFound({ url, method }: FastifyRequest): Problem {
    // A proxy is asked for the whole URL, and a server has to take that too.
    const path = decode(url.replace(/^http:\/\/[^/]*|[?#].*$/gis, ''))
    const allowed = patterns.find(({ pattern }) => pattern.test(path))?.allowed
    return allowed === undefined
      ? new Problem(404, 'There is no such route. GET /openapi.json lists all of them.')
      : notAllowed(method, allowed)
  }
}

/** A route's path, where `:name` stands for one segment. */
function toPattern(url: string): RegExp {
  const segments = url
    .split('/')
    .map((segment) => (segment.startsWith(':') ? '[^/]+' : segment.replaceAll('.', '\\.')))
  return new RegExp(`^${segments.join('/')}$`)
}

function decode(path: string): string {
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}
