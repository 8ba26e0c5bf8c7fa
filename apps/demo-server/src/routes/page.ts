/**
 * The page: HTML that is rendered for its address, and the files that it loads. What can be asked for is what was
 * built: no path is ever made from a request.
 */
import type { Asset, Page } from '@overlap/page'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from '../context.ts'
import { embedHeaders, pageHeaders } from '../headers.ts'
import { Problem } from '../problem.ts'
import { problemResponse, textResponse } from '../schemas.ts'

export function addPageRoutes(app: FastifyInstance, { lanes }: Context, page: Page): void {
  const html = textResponse('text/html', 'HTML that can be read without JavaScript.')
  const response = { 200: html, default: problemResponse }

  function render({ url }: FastifyRequest, reply: FastifyReply) {
    const { pathname, search } = new URL(url, 'http://localhost')
    const rendered = page.render({ pathname, search }, { activeStyle: lanes.active.style.name })
    if (rendered.status === 404) throw new Problem(404, 'There is no such panel.')
    return reply
      .headers(pathname === '/' ? pageHeaders : embedHeaders)
      .type('text/html; charset=utf-8')
      .send(rendered.html)
  }

  app.get('/', { schema: { summary: 'The page.', tags: ['page'], response } }, render)
  app.get(
    '/embed/:panel',
    {
      schema: {
        summary: 'One panel of the page alone, for a slide.',
        tags: ['page'],
        params: { type: 'object', properties: { panel: { type: 'string' } } },
        response,
      },
    },
    render,
  )
  for (const [path, asset] of page.assets)
    app.get(path, { schema: { hide: true } }, (request, reply) => send(request, reply, asset))
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
