/**
 * The page: HTML that is rendered for its address, and the files that it loads. What can be asked for is what was
 * built: no path is ever made from a request.
 */
import type { Asset, Page, PageData } from '@overlap/page'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from '../context.ts'
import { embedHeaders, pageHeaders } from '../headers.ts'
import { Problem } from '../problem.ts'
import { programs } from '../programs.ts'
import { problemResponse, textResponse } from '../schemas.ts'

const routes = [
  { path: '/api/scenarios', what: 'the manifest' },
  { path: '/api/styles', what: 'the styles, the active one, and what is draining' },
  { path: '/api/suite', what: 'the clauses of the suite, and what came of them' },
  { path: '/api/events', what: 'the calls as they happen' },
  { path: '/api/feed?channels=news', what: 'the messages of a channel' },
  { path: '/livez', what: 'whether the server lives' },
  { path: '/readyz', what: 'whether it can do its work' },
  { path: '/metrics', what: 'its metrics' },
  { path: '/openapi.json', what: 'all routes, described' },
]

const faultsRoute = { path: '/api/faults', what: 'what is wrong with the connections behind it' }

export function addPageRoutes(app: FastifyInstance, { lanes, faults, suite }: Context, page: Page): void {
  const names = page.panels.join(', ')
  const constant = { routes: faults ? [...routes, faultsRoute] : routes, runs: runsOf() }
  const document = textResponse('text/html', 'HTML that can be read without JavaScript.')
  const response = { 200: document, default: problemResponse }

  async function render({ url }: FastifyRequest, reply: FastifyReply) {
    const { pathname, search, searchParams } = new URL(url, 'http://localhost')
    // Long, and no other panel shows it.
    const showsSuite = pathname === '/embed/suite' || searchParams.get('tab') === 'suite'
    const data = {
      ...constant,
      activeStyle: lanes.active.style.name,
      lanes: lanes.report(),
      suite: showsSuite ? await suite.state() : undefined,
    }
    const html = page.render({ pathname, search }, data)
    return reply
      .headers(pathname === '/' ? pageHeaders : embedHeaders)
      .type('text/html; charset=utf-8')
      .send(html)
  }

  app.get('/', { schema: { summary: 'The page.', tags: ['page'], response } }, (request, reply) =>
    render(request, reply),
  )
  app.get<{ Params: { panel: string } }>(
    '/embed/:panel',
    {
      schema: {
        summary: 'One panel of the page alone, for a slide.',
        tags: ['page'],
        params: {
          type: 'object',
          properties: { panel: { type: 'string', description: `One of ${names}.` } },
        },
        response,
      },
    },
    (request, reply) => {
      const { panel } = request.params
      const error = { field: 'panel', expected: `one of ${names}`, received: panel }
      if (!page.panels.includes(panel)) throw new Problem(404, 'There is no such panel.', { errors: [error] })
      return render(request, reply)
    },
  )
  for (const [path, asset] of page.assets)
    app.get(path, { schema: { hide: true } }, (request, reply) => send(request, reply, asset))
}

/** With the example of each parameter that a run must have. */
function runsOf(): PageData['runs'] {
  const entries = Object.entries(programs).map(([name, { method, table }]) => {
    const needed = Object.entries(table).filter(([, { fallback }]) => fallback === undefined)
    const query = needed
      .map(([field, { schema }]) => `&${field}=${[schema['examples']].flat().join()}`)
      .join('')
    return [name, { method, query }] as const
  })
  return Object.fromEntries(entries)
}

function send(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  { type, body, compressed, immutable }: Asset,
) {
  reply.type(type)
  reply.header('cache-control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache')
  if (!compressed) return reply.send(body)
  reply.header('vary', 'accept-encoding')
  if (!/\bbr\b/.test(String(headers['accept-encoding']))) return reply.send(body)
  return reply.header('content-encoding', 'br').send(compressed)
}
