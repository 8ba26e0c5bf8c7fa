/**
 * A throwaway Postgres, from the binaries that npm has installed.
 *
 * A shell watches over it (`postgres.sh`): it copies a cluster or makes one, and runs Postgres, for as long as our end of a pipe
 * is open. Whatever closes it, be it `stop()`, a crash or SIGKILL, makes the shell shut Postgres down
 * and remove its directory, which it also does when Postgres ends by itself. It is a process group of its own, so
 * that Ctrl-C does not reach it before whoever still talks to the database.
 *
 * Postgres refuses to run as root; then everything runs as `nobody`, whom every Unix has. What `nobody`
 * cannot read, in a private checkout, is copied.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { findAccount, findBinaries, type Account } from './postgres-binaries.ts'
import { findTemplate, initdbFlags } from './postgres-template.ts'

export interface Postgres {
  readonly url: string
  /** Of the postmaster. */
  readonly pid: number
  /** Holds its data, and is removed when it stops. */
  readonly directory: string
  /** Shuts it down, whoever is connected, and removes its directory. Idempotent. */
  stop(): Promise<void>
}

/** How many free ports are tried. */
const PORT_ATTEMPTS = 5

export interface PostgresOptions {
  readonly maxConnections?: number
  /** Any free one by default. */
  readonly port?: number
  /** A cluster that is copied. By default the one that was made at installation; without one, initdb makes one. */
  readonly template?: string
  /** How long creating and starting it may take together; again for each port that is tried. */
  readonly startTimeoutMs?: number
  /** More arguments for `postgres`, such as `['-c', 'log_statement=all']`. */
  readonly flags?: readonly string[]
}

/** Rejects, and leaves nothing behind, when Postgres cannot be started in time; its log is in the message. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  if (options.port !== undefined) return startOnPort(options.port, options)
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnPort(await findFreePort(), options)
    } catch (error) {
      // Somebody has taken it before Postgres did.
      if (attempt === PORT_ATTEMPTS || !String(error).includes('Address already in use')) throw error
    }
  }
}

async function startOnPort(
  port: number,
  { maxConnections = 120, template = findTemplate(), startTimeoutMs = 10_000, flags = [] }: PostgresOptions,
): Promise<Postgres> {
  const account = await findAccount()
  const settings = [
    `port=${port}`,
    `max_connections=${maxConnections}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'fsync=off',
  ]
  // As text, because the account may not be able to read the file.
  const script = await readFile(new URL('./postgres.sh', import.meta.url), 'utf8')
  const settingFlags = settings.flatMap((setting) => ['-c', setting])
  const args = [template, initdbFlags, ...settingFlags, ...flags]
  const { directory, shell } = startInDirectory(script, account, args)

  let stopping: Promise<void> | undefined
  const stop = () => (stopping ??= stopShell(shell, directory))
  const timeout = AbortSignal.timeout(startTimeoutMs)
  try {
    await once(shell, 'spawn')
    const binaries = await findBinaries(directory, account)
    shell.stdin.write(`${binaries}\n`)
    await untilReady(shell, timeout)
    const pid = Number.parseInt(await readFile(path.join(directory, 'data/postmaster.pid'), 'utf8'), 10)
    letUsExit(shell)
    // It speaks no TLS, whatever PGSSLMODE asks of others.
    const url = `postgres://postgres@127.0.0.1:${port}/postgres?sslmode=disable`
    return { url, pid, directory, stop }
  } catch (error) {
    await stop()
    throw timeout.aborted
      ? new Error(`Postgres did not start within ${startTimeoutMs} ms`, { cause: error })
      : error
  }
}

async function findFreePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('there is no free port')
  return address.port
}

type Shell = ChildProcessByStdio<Writable, null, Readable>

/** Synchronous, so that next to nothing lies between the directory and the shell that removes it. */
function startInDirectory(
  script: string,
  account: Account,
  args: readonly string[],
): { readonly directory: string; readonly shell: Shell } {
  // Absolute, because the shell works elsewhere.
  const directory = mkdtempSync(path.resolve(os.tmpdir(), 'overlap-postgres-'))
  try {
    if (account.uid !== undefined && account.gid !== undefined) chownSync(directory, account.uid, account.gid)
    return { directory, shell: startShell(script, account, [directory, ...args]) }
  } catch (error) {
    rmSync(directory, { recursive: true })
    throw error
  }
}

function startShell(script: string, account: Account, args: readonly string[]): Shell {
  const shell = spawn('/bin/sh', ['-c', script, 'overlap-postgres', ...args], {
    ...account,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  // Whoever waits for it to be started is told. That it has ended is seen by the end of its log.
  shell.on('error', () => {})
  shell.stdin.on('error', () => {})
  return shell
}

/** Ends the log's reading as well: nobody wants it once Postgres runs. */
function untilReady(shell: Shell, timeout: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let log = ''
  function read(chunk: string) {
    log += chunk
    if (log.includes('database system is ready to accept connections')) resolve()
  }
  function fail() {
    reject(new Error(`Postgres ended before it was ready\n${log}`))
  }
  function giveUp() {
    reject(new Error(`Postgres is not ready yet\n${log}`))
  }
  shell.stderr.setEncoding('utf8').on('data', read).once('end', fail)
  if (timeout.aborted) giveUp()
  else timeout.addEventListener('abort', giveUp, { once: true })

  return promise.finally(() => {
    timeout.removeEventListener('abort', giveUp)
    shell.stderr.off('data', read).off('end', fail).resume()
  })
}

/** A cluster that nobody has stopped must not keep our process alive; it stops with it. */
function letUsExit(shell: Shell) {
  shell.unref()
  for (const stream of [shell.stdin, shell.stderr]) if (stream instanceof net.Socket) stream.unref()
}

async function stopShell(shell: Shell, directory: string): Promise<void> {
  if (shell.pid !== undefined && shell.exitCode === null && shell.signalCode === null) {
    shell.ref()
    const ended = once(shell, 'exit')
    shell.stdin.end()
    await ended
  }
  await rm(directory, { recursive: true, force: true })
}
