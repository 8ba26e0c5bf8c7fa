/** A server for tests about the load that it puts on itself, and what there is of its processes. */
import type { FastifyInstance } from 'fastify'
import { buildApp } from '../src/app.ts'
import { styles } from '../src/styles.ts'
import { listProcesses } from './processes.ts'
import { ScriptedPort } from './scripted-port.ts'
import { silent } from './silent.ts'

const open: FastifyInstance[] = []

/** For `afterEach`. */
export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((app) => app.close()))
}

/** A server of its own, whose `closeAll` closes it. */
export async function serve(options: Partial<Parameters<typeof buildApp>[0]> = {}) {
  const port = new ScriptedPort()
  const app = buildApp({ port, styles, initialStyle: 'promises', log: silent, ...options })
  open.push(app)
  return { port, app, url: await app.listen({ port: 0, host: '127.0.0.1' }) }
}

export interface Problem {
  readonly detail: string
  readonly errors?: readonly { readonly field: string; readonly received: string | null }[]
}

/** `A` is what the caller knows of the answer. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- so that it need not be said at each call
export async function ask<A>(
  url: string,
  method = 'GET',
  body?: unknown,
  signal?: AbortSignal,
): Promise<{ status: number; body: A }> {
  const response = await fetch(url, {
    method,
    ...(signal && { signal }),
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  })
  return { status: response.status, body: (await response.json()) as A }
}

/** Processes that this one has started, but for that which tells which there are. */
export async function countChildren(): Promise<number> {
  const all = await listProcesses()
  return all.filter(({ parent }) => parent === process.pid).length - 1
}
