/**
 * A build is named by the contents of all that went into it, so what is shown is what runs: the page's own sources, and
 * those that it shows.
 */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'

export const home = path.resolve(import.meta.dirname, '../..')
export const dist = path.join(home, 'dist')
const root = path.resolve(home, '../..')

/** Where the build of the present sources is, or will be. */
export function findBuild(): string {
  const folders = [
    path.join(home, 'src'),
    ...fs.globSync(path.join(root, 'packages/*/src')),
    path.join(root, 'tools/house-rules/src'),
  ]
  const files = folders.flatMap((folder) =>
    fs
      .readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name)),
  )
  const hash = createHash('sha256')
  for (const file of [
    ...files.toSorted(),
    path.join(root, 'package-lock.json'),
    path.join(home, 'vite.config.ts'),
  ])
    hash.update(path.relative(root, file)).update('\0').update(fs.readFileSync(file)).update('\0')
  return path.join(dist, hash.digest('hex').slice(0, 16))
}
