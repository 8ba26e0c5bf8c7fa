import childProcess from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, rmdirSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import net, { type AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Client } from 'pg'
import { startPostgres } from '../src/index.ts'
import { makeTemplate } from '../src/postgres-template.ts'
import { alive, runScript, type Child } from './child.ts'
import { eventually } from './eventually.ts'
import { startRawServer } from './raw-server.ts'

const START = `
  const postgres = await startPostgres()
  tell({ pid: postgres.pid })
`

/** A directory for temporary files of its own, in which everybody may write. */
function makeTmpdir() {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'overlap-test-'))
  chmodSync(directory, 0o777)
  return directory
}

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

describe('startPostgres', { timeout: 30_000 }, () => {
  test('answers queries, and leaves no process and no directory after stop, even with a client connected', async () => {
    const postgres = await startPostgres({ maxConnections: 17, flags: ['-c', 'work_mem=5MB'] })
    const client = new Client({ connectionString: postgres.url })
    client.on('error', () => {})
    await client.connect()
    const { rows } = await client.query(
      "SELECT current_setting('max_connections') AS connections, current_setting('work_mem') AS memory",
    )
    expect(rows).toEqual([{ connections: '17', memory: '5MB' }])
    expect(alive(postgres.pid)).toBe(true)
    expect(existsSync(postgres.directory)).toBe(true)
    await Promise.all([postgres.stop(), postgres.stop()])
    expect(alive(postgres.pid)).toBe(false)
    expect(existsSync(postgres.directory)).toBe(false)
  })

  test('that takes too long rejects, and leaves nothing', async () => {
    const TMPDIR = makeTmpdir()
    vi.stubEnv('TMPDIR', TMPDIR)
    await Promise.all(
      [1, 10].map(async (startTimeoutMs) => {
        const started = startPostgres({ startTimeoutMs })
        await expect(started).rejects.toThrow(`Postgres did not start within ${startTimeoutMs} ms`)
      }),
    )
    expect(readdirSync(TMPDIR)).toEqual([])
    rmdirSync(TMPDIR)
  })

  test('is the same from a copy and from initdb', async () => {
    const TMPDIR = makeTmpdir()
    const template = path.join(TMPDIR, 'cluster')
    const describeCluster = async (clusters: string) => {
      const postgres = await startPostgres({ template: clusters })
      const client = new Client({ connectionString: postgres.url })
      await client.connect()
      const { rows } = await client.query(
        'SELECT datname, pg_encoding_to_char(encoding), datcollate, rolname, (SELECT system_identifier FROM pg_control_system()) FROM pg_database, pg_roles WHERE rolsuper ORDER BY datname',
      )
      await client.end()
      await postgres.stop()
      return rows as { readonly system_identifier: string }[]
    }
    const withoutIdentifier = (rows: readonly object[]) =>
      rows.map((row) => ({ ...row, system_identifier: undefined }))
    const made = await describeCluster(template)
    await Promise.all([makeTemplate(template), makeTemplate(template)])
    expect(readdirSync(TMPDIR)).toEqual(['cluster'])
    const copies = [await describeCluster(template), await describeCluster(template)]
    expect(copies[0]).toEqual(copies[1])
    expect(made[0]?.system_identifier).not.toBe(copies[0]?.[0]?.system_identifier)
    expect(withoutIdentifier(made)).toEqual(withoutIdentifier(copies[0] ?? []))
    rmSync(TMPDIR, { recursive: true })
  })

  test('keeps its directory where TMPDIR says, as seen from here', async () => {
    const TMPDIR = makeTmpdir()
    vi.stubEnv('TMPDIR', path.relative('', TMPDIR))
    const postgres = await startPostgres()
    expect(path.dirname(postgres.directory)).toBe(TMPDIR)
    await postgres.stop()
    rmdirSync(TMPDIR)
  })

  test('is reached without TLS, whatever PGSSLMODE says', async () => {
    vi.stubEnv('PGSSLMODE', 'require')
    const postgres = await startPostgres()
    const client = new Client({ connectionString: postgres.url })
    await client.connect()
    await client.end()
    await postgres.stop()
  })

  test('whose shell cannot be started rejects with the reason, and leaves nothing', async () => {
    const TMPDIR = makeTmpdir()
    vi.stubEnv('TMPDIR', TMPDIR)
    await expect(startPostgres({ flags: ['\0'] })).rejects.toThrow('null bytes')
    const { spawn } = childProcess
    childProcess.spawn = ((_, ...others: [string[], object]) =>
      spawn('/nowhere/sh', ...others)) as typeof spawn
    syncBuiltinESMExports()
    try {
      await expect(startPostgres()).rejects.toThrow('spawn /nowhere/sh ENOENT')
    } finally {
      childProcess.spawn = spawn
      syncBuiltinESMExports()
    }
    expect(readdirSync(TMPDIR)).toEqual([])
    rmdirSync(TMPDIR)
  })

  test('that ends by itself leaves no directory, and nobody who would end whoever gets its number', async () => {
    const postgres = await startPostgres()
    process.kill(postgres.pid, 'SIGKILL')
    await eventually('the directory is gone', () => !existsSync(postgres.directory))
    await postgres.stop()
  })

  test('takes another port when somebody else has taken the one that was free', async () => {
    const create = net.createServer
    const thief = create()
    const stolen = once(thief, 'listening')
    vi.spyOn(net, 'createServer').mockImplementationOnce(() => {
      const server = create()
      server.once('listening', () => {
        const { port } = server.address() as AddressInfo
        server.once('close', () => thief.listen(port, '127.0.0.1'))
      })
      return server
    })
    const postgres = await startPostgres()
    await stolen
    const { port } = thief.address() as AddressInfo
    expect(new URL(postgres.url).port).not.toBe(String(port))
    await postgres.stop()
    thief.close()
  })

  test('that fails rejects with the log of Postgres', async () => {
    const taken = await startRawServer(() => {})
    await Promise.all([
      expect(startPostgres({ flags: ['-c', 'no_such_setting=1'] })).rejects.toThrow(/no_such_setting/),
      expect(startPostgres({ port: taken.port })).rejects.toThrow(/Address already in use/),
    ])
    await taken.stop()
  })

  test('on a machine that has no binaries says what to do', async () => {
    for (const [property, value, expected] of [
      ['platform', 'win32', /win32.*set DATABASE_URL/],
      ['arch', 'arm64', /not installed.*set DATABASE_URL/],
    ] as const) {
      const original = Object.getOwnPropertyDescriptor(process, property)
      Object.defineProperty(process, property, { ...original, value })
      try {
        await expect(startPostgres()).rejects.toThrow(expected)
      } finally {
        if (original) Object.defineProperty(process, property, original)
      }
    }
  })
})

describe.concurrent('a cluster leaves no process and no directory', { timeout: 30_000 }, () => {
  test.for([
    ['is killed', 'setInterval(() => {}, 1000)', (parent: Child) => parent.kill('SIGKILL')],
    [
      'is in a terminal, and Ctrl-C is pressed',
      'setInterval(() => {}, 1000)',
      (parent: Child) => parent.killGroup('SIGINT'),
    ],
    ['throws', 'throw new Error("as the test wants")', () => {}],
    ['has nothing more to do', '', () => {}],
  ] as const)('when the process that started it %s', async ([, then, end]) => {
    const TMPDIR = makeTmpdir()
    const parent = await runScript(START + then, { TMPDIR })
    const { pid } = await parent.told
    expect(readdirSync(TMPDIR)).toHaveLength(1)
    end(parent)
    await parent.exit
    await eventually('the postmaster has ended', () => !alive(Number(pid)))
    await eventually('the directory is gone', () => readdirSync(TMPDIR).length === 0)
    rmdirSync(TMPDIR)
  })

  test.for([0, 100, 300])('when the process that starts it is killed after %i ms', async (ms) => {
    const TMPDIR = makeTmpdir()
    const parent = await runScript(
      `startPostgres().catch(() => {}); setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${ms})`,
      { TMPDIR },
    )
    await parent.exit
    await eventually('the directory is gone', () => readdirSync(TMPDIR).length === 0)
    rmdirSync(TMPDIR)
  })
})
