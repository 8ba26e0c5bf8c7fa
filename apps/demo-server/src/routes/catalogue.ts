/** What there is to run, and to read: the manifest and the sources. */
import { scenarios } from '@overlap/workload'
import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import { Problem } from '../problem.ts'
import { problemResponse, scenariosResponse, textResponse } from '../schemas.ts'

export function addCatalogueRoutes(app: FastifyInstance, { lanes, sources, suiteSources }: Context): void {
  const names = {
    styles: lanes.allNames.join(', '),
    scenarios: scenarios.map(({ name }) => name).join(', '),
    suites: [...suiteSources.keys()].join(', '),
  }

  app.get(
    '/api/scenarios',
    {
      schema: {
        summary: 'The manifest.',
        tags: ['catalogue'],
        response: { 200: scenariosResponse, default: problemResponse },
      },
    },
    () => scenarios,
  )

  app.get<{ Params: { style: string; scenario: string } }>(
    '/api/source/:style/:scenario',
    {
      schema: {
        summary: 'The file that runs.',
        tags: ['catalogue'],
        params: {
          type: 'object',
          properties: {
            style: { type: 'string', description: `One of ${names.styles}.` },
            scenario: { type: 'string', description: `One of ${names.scenarios}.` },
          },
        },
        response: { 200: textResponse('text/plain', 'TypeScript.'), default: problemResponse },
      },
    },
    ({ params: { style, scenario } }, reply) => {
      const files = sources.get(style)
      const source = files?.get(scenario)
      if (source !== undefined) return reply.type('text/plain; charset=utf-8').send(source)
      const errors = [
        ...(files ? [] : [{ field: 'style', expected: `one of ${names.styles}`, received: style }]),
        ...(scenarios.some(({ name }) => name === scenario)
          ? []
          : [{ field: 'scenario', expected: `one of ${names.scenarios}`, received: scenario }]),
      ]
      throw new Problem(404, 'There is no such source.', { errors })
    },
  )

  app.get<{ Params: { file: string } }>(
    '/api/source/suite/:file',
    {
      schema: {
        summary: 'Where clauses of the suite are written.',
        tags: ['catalogue'],
        params: {
          type: 'object',
          properties: {
            file: { type: 'string', description: `One of ${names.suites}.` },
          },
        },
        response: { 200: textResponse('text/plain', 'TypeScript.'), default: problemResponse },
      },
    },
    ({ params: { file } }, reply) => {
      const source = suiteSources.get(file)
      if (source !== undefined) return reply.type('text/plain; charset=utf-8').send(source)
      throw new Problem(404, 'There is no such source.', {
        errors: [{ field: 'file', expected: `one of ${names.suites}`, received: file }],
      })
    },
  )
}
