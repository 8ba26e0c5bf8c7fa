/**
 * A cluster as initdb leaves it, of which each Postgres that is started gets a copy: that takes a tenth of the time.
 *
 * It stands beside the binaries that have made it, so that npm takes it away with them, and belongs to whom Postgres runs
 * as. Who cannot read it makes a cluster of their own.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { findAccount, findNative, give } from './postgres-binaries.ts'

/** In one text, which the shell splits at its spaces. */
export const initdbFlags = '-U postgres -A trust -E UTF8 --locale=C --no-sync --no-instructions'

/** Where it is, if it is. Throws where there are no binaries. */
export const findTemplate = () => path.join(findNative(), '../cluster')

/** Unless it is there. Rejects, and leaves nothing behind, where there are no binaries, or `nobody` cannot run them there. */
export async function makeTemplate(template: string): Promise<void> {
  if (existsSync(template)) return
  const account = await findAccount()
  const own = await mkdtemp(`${template}-`)
  try {
    await give(own, account)
    const initdb = path.join(findNative(), 'bin/initdb')
    await promisify(execFile)(initdb, ['-D', own, ...initdbFlags.split(' ')], { ...account, cwd: '/' })
    // Somebody else may have been quicker.
    if (!existsSync(template)) await rename(own, template)
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}
