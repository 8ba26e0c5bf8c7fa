/**
 * Turns requests away that no route is for, before their body is looked at: 404, or 405 with what is
 * allowed, or 414.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem, notAllowed } from './problem.ts'

const URL_LENGTH = 4096

/** Throws a 414: for a route that does without the hooks of the others. */
export function refuseLongUrl(url: string): void {
  if (url.length > URL_LENGTH)
    throw new Problem(414, `The URL is too long: expected at most ${URL_LENGTH} characters.`)
}

/** For what changes something: it is for whoever may ask, but not for a web page elsewhere in somebody's browser. */
export function refuseOtherSites(
  { headers }: FastifyRequest,
  _reply: FastifyReply,
  done: (error?: Error) => void,
): void {
  const site = headers['sec-fetch-site']
  if (site === undefined || site === 'same-origin' || site === 'none') done()
  else done(new Problem(403, 'This may not be asked for by a page of another site.'))
}

/**
 * Learns from the routes of `app` which methods a path has, so it must be called before they are added.
 * Answers with what guards a plugin: the routes in it, and all requests that no route is for.
 */
export function createGuard(app: FastifyInstance): (plugin: FastifyInstance) => void {
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
    // Two comparisons and a header.
    plugin.addHook('onRequest', (request, reply, done) => {
      reply.header('x-content-type-options', 'nosniff')
      refuseLongUrl(request.url)
      done(request.is404 ? refuse(request) : undefined)
    })
    // Brings the requests without a route to this plugin and its hook, which answers before it.
    plugin.setNotFoundHandler(() => {})
  }

  function refuse({ url, method }: FastifyRequest): Problem {
    const path = decode(url.replace(/[?#].*$/s, ''))
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
