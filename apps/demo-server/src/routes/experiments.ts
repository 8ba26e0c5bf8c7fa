/** `/api/experiments`: the talks' measurements, and the same on this server. */
import { experiments } from '@overlap/load/experiments'
import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import { type ExperimentUrls, findExperiment } from '../experiments.ts'
import type { LoadControl } from '../load-control.ts'
import { Problem, closing } from '../problem.ts'
import { ClientLeftError } from '../runs.ts'
import { experimentResponse, experimentsResponse, problemResponse } from '../schemas.ts'
import { baseOf } from './load.ts'

export function addExperimentRoutes(
  app: FastifyInstance,
  { runs, lanes, gates }: Context,
  load: LoadControl,
  urls: ExperimentUrls | undefined,
): void {
  app.get(
    '/api/experiments',
    {
      schema: {
        summary: 'The talks’ measurements, and how each is made here.',
        tags: ['load'],
        response: { 200: experimentsResponse, default: problemResponse },
      },
    },
    () => experiments,
  )

  app.post<{ Params: { id: string } }>(
    '/api/experiments/:id',
    {
      schema: {
        summary: 'Makes one of them, and tells whether its shape has come back.',
        description: 'One at a time, and none while there is load. It ends when its client leaves.',
        tags: ['load'],
        params: { type: 'object', properties: { id: { type: 'string', description: '`E1` to `E14`.' } } },
        response: { 200: experimentResponse, default: problemResponse },
      },
    },
    async ({ params: { id } }, reply) => {
      const experiment = findExperiment(id)
      if (!experiment) {
        const errors = [{ field: 'id', expected: 'one of E1 to E14', received: id }]
        throw new Problem(404, 'There is no such experiment.', { errors })
      }
      if (runs.closing) throw closing()
      const left = new AbortController()
      reply.raw.on('close', () => left.abort(new ClientLeftError('the client has left')))
      const site = {
        base: baseOf(app),
        style: lanes.active.style.name,
        rules: gates.all.map(({ rule }) => rule),
        urls,
      }
      try {
        return await load.alone(left.signal, (signal) => experiment({ ...site, signal }))
      } catch (error) {
        if (!left.signal.aborted) throw runs.closing ? closing() : error
        return reply.hijack()
      }
    },
  )
}
