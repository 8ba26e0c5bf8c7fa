/** `/api/suite`: the clauses, what came of them the last time, and how to have them judged again. */
import { scenarios } from '@overlap/workload'
import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import { type FieldError, closing, invalid, toText } from '../problem.ts'
import { problemResponse, suiteResponse } from '../schemas.ts'

export function addSuiteRoutes(app: FastifyInstance, { suite, runs }: Context): void {
  const response = { 200: suiteResponse, default: problemResponse }

  app.get(
    '/api/suite',
    {
      schema: {
        summary: 'The clauses of the suite, the verdicts of the last time, and whether it is running.',
        tags: ['suite'],
        response,
      },
    },
    () => suite.report(),
  )

  app.post<{ Body: unknown }>(
    '/api/suite',
    {
      schema: {
        summary: 'Starts the suite in processes of its own, one style after the other.',
        description:
          'On the scripted port and a virtual clock: not what needs Postgres. 409 while it is running.',
        tags: ['suite'],
        body: {
          type: ['object', 'null'],
          properties: {
            styles: {
              type: 'array',
              items: { enum: suite.styles },
              minItems: 1,
              uniqueItems: true,
              description: 'By default, all of them.',
            },
            scenario: { enum: scenarios.map(({ name }) => name), description: 'By default, all of them.' },
          },
          additionalProperties: false,
        },
        response: { 202: { ...suiteResponse, description: 'It has begun.' }, default: problemResponse },
      },
      // What it may say is checked here, in words of our own.
      validatorCompiler: () => () => true,
    },
    async ({ body }, reply) => {
      if (runs.closing) throw closing()
      const { styles, scenario } = readBody(body, suite.styles)
      await suite.start(styles, scenario)
      return reply.code(202).send(await suite.report())
    },
  )

  app.delete(
    '/api/suite',
    {
      schema: {
        summary: 'Stops the suite, if it is running. What has been judged by then stands.',
        tags: ['suite'],
        response,
      },
    },
    async () => {
      await suite.stop()
      return suite.report()
    },
  )
}

function readBody(body: unknown, known: readonly string[]) {
  if (body === undefined || body === null) return {}
  if (typeof body !== 'object' || Array.isArray(body))
    throw invalid([{ field: 'body', expected: 'an object with styles and scenario', received: null }])
  const { styles, scenario, ...others } = body as Readonly<Record<string, unknown>>
  const errors: FieldError[] = Object.entries(others).map(([field, value]) => ({
    field,
    expected: 'no such member, only styles and scenario',
    received: toText(value),
  }))
  const wanted = Array.isArray(styles) ? known.filter((style) => styles.includes(style)) : undefined
  if (styles !== undefined && (wanted?.length === 0 || wanted?.length !== [styles].flat().length))
    errors.push({
      field: 'styles',
      expected: `an array of some of ${known.join(', ')}, each once`,
      received: toText(styles),
    })
  const found = scenarios.find(({ name }) => name === scenario)
  if (scenario !== undefined && !found)
    errors.push({
      field: 'scenario',
      expected: `one of ${scenarios.map(({ name }) => name).join(', ')}`,
      received: toText(scenario),
    })
  if (errors.length > 0) throw invalid(errors)
  return { styles: wanted, scenario: found?.name }
}
