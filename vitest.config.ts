import { constants, accessSync, readFileSync, statfsSync } from 'node:fs'
import path from 'node:path'
import { defineConfig } from 'vitest/config'

// A Postgres is a thousand files, and making them costs more than all else about it: in memory, it costs half.
// Vitest hands its environment on to the tests, and they to the processes that they start.
if (hasRoom('/dev/shm')) process.env['TMPDIR'] ??= '/dev/shm'
// What Node has compiled, types gone, for the next process of the tests that loads it: it halves what a start costs.
process.env['NODE_COMPILE_CACHE'] ??= path.resolve(
  import.meta.dirname,
  'node_modules/.cache/overlap/compiled',
)

export default defineConfig({
  test: {
    projects: ['packages/*', 'apps/*', 'tools/*'],
  },
})

/**
 * Whether it is a directory for all, with room for as many clusters as there may be at a time, and some more. Their
 * programs may have to be there too, and some containers do not let any run from memory.
 */
function hasRoom(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK)
    const { bavail, bsize } = statfsSync(directory)
    const runsNothing = new RegExp(`^\\S+ ${directory} \\S+ \\S*noexec`, 'm').test(
      readFileSync('/proc/mounts', 'utf8'),
    )
    return bavail * bsize > 2 * 2 ** 30 && !runsNothing
  } catch {
    return false
  }
}
