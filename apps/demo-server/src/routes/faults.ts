/**
 * `/api/faults`: what is wrong with the connections to Postgres and to the reservation service, in the words of
 * Toxiproxy, and how to make it so.
 */
import { type FaultProxy, type ToxicInput, readToxics, toxicStreams, toxicTypes } from '@overlap/backend'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from '../context.ts'
import type { FaultProxies } from '../faults.ts'
import { type FieldError, Problem, invalid, toText, unavailable } from '../problem.ts'
import { faultsResponse, problemResponse, proxyResponse } from '../schemas.ts'

/** What it may say is checked by the handler, which knows the attributes of each type. */
const body = {
  type: 'object',
  description: 'What is so from now on; what it does not say is well.',
  properties: {
    enabled: {
      type: 'boolean',
      default: true,
      description: '`false`: connections are cut off, and refused.',
    },
    toxics: {
      type: 'array',
      maxItems: 16,
      default: [],
      items: {
        type: 'object',
        required: ['type', 'attributes'],
        properties: {
          name: { type: 'string', description: '`<type>_<stream>` by default.' },
          type: { enum: toxicTypes },
          stream: {
            enum: toxicStreams,
            default: 'downstream',
            description:
              '`upstream`: what is sent to Postgres or the service; `downstream`: what it answers.',
          },
          toxicity: {
            type: 'number',
            minimum: 0,
            maximum: 1,
            default: 1,
            description: 'The probability that a connection is concerned.',
          },
          attributes: {
            type: 'object',
            additionalProperties: { type: 'integer' },
            description:
              'As in Toxiproxy: `latency` and `jitter`; `rate`; `delay`; `timeout`; `average_size`, `size_variation` and `delay`; `bytes`.',
          },
        },
      },
    },
  },
}

export function addFaultRoutes(app: FastifyInstance, { faults }: Context): void {
  const proxies: FaultProxies = faults ?? new Map()
  const names = [...proxies.keys()].join(', ')

  function refuseWithoutFaults(
    _request: FastifyRequest,
    _reply: FastifyReply,
    done: (error?: Error) => void,
  ) {
    done(
      faults
        ? undefined
        : new Problem(404, 'There are no fault proxies. Start the server with FAULTS=true to have them.'),
    )
  }
  const report = () => ({ proxies: [...proxies].map(([name, proxy]) => describe(name, proxy)) })

  app.get(
    '/api/faults',
    {
      schema: {
        summary: 'What is wrong with the connections behind the server.',
        tags: ['faults'],
        response: { 200: faultsResponse, default: problemResponse },
      },
      onRequest: refuseWithoutFaults,
    },
    report,
  )

  app.put<{ Params: { proxy: string }; Body: unknown }>(
    '/api/faults/:proxy',
    {
      schema: {
        summary: 'Replaces what is wrong with the connections to Postgres, or to one replica of the service.',
        description:
          'It holds at once, for open connections too. A toxic that is the same as before goes on undisturbed.',
        tags: ['faults'],
        params: { type: 'object', properties: { proxy: { type: 'string', description: 'Its name.' } } },
        body,
        response: { 200: proxyResponse, default: problemResponse },
      },
      onRequest: refuseWithoutFaults,
      validatorCompiler: () => () => true,
    },
    async ({ params: { proxy: name }, body: given }) => {
      const proxy = proxies.get(name)
      if (!proxy)
        throw new Problem(404, 'There is no such proxy.', {
          errors: [{ field: 'proxy', expected: `one of ${names}`, received: name }],
        })
      const { enabled, toxics } = readBody(given)
      proxy.setToxics(toxics)
      await (enabled ? enable(proxy) : proxy.disable())
      return describe(name, proxy)
    },
  )

  app.delete(
    '/api/faults',
    {
      schema: {
        summary: 'Makes all connections well again.',
        tags: ['faults'],
        response: { 200: faultsResponse, default: problemResponse },
      },
      onRequest: refuseWithoutFaults,
    },
    async () => {
      for (const proxy of proxies.values()) proxy.setToxics([])
      await Promise.all([...proxies.values()].map(enable))
      return report()
    },
  )
}

const describe = (name: string, { enabled, connections, toxics }: FaultProxy) => ({
  name,
  enabled,
  connections,
  toxics,
})

async function enable(proxy: FaultProxy): Promise<void> {
  try {
    await proxy.enable()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error
    throw unavailable('Somebody else has taken the port of the proxy while it was down. Try again.')
  }
}

function readBody(given: unknown): { readonly enabled: boolean; readonly toxics: readonly ToxicInput[] } {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw invalid([{ field: 'body', expected: 'an object with enabled and toxics', received: null }])
  const { enabled = true, toxics: list = [], ...others } = given as Readonly<Record<string, unknown>>
  const errors: FieldError[] = Object.entries(others).map(([field, value]) => ({
    field,
    expected: 'no such member, only enabled and toxics',
    received: toText(value),
  }))
  if (typeof enabled !== 'boolean')
    errors.push({ field: 'enabled', expected: 'true or false', received: toText(enabled) })
  const { toxics, problems } = readToxics(list)
  errors.push(...problems)
  if (errors.length > 0) throw invalid(errors)
  return { enabled: enabled === true, toxics }
}
