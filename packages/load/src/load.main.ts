/**
 * Asks a server as often as it is told to, and tells what comes of it. Started by `runLoad`, with a `Load` as its
 * argument; answers over IPC, and leaves when the channel closes, however its parent ended. Signals are the
 * parent's, because Ctrl-C reaches the whole group.
 */
import { LoadGenerator } from './generator.ts'
import type { Load, Said } from './run-load.ts'

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit())

const say = (said: Said) => void process.send?.(said)

try {
  const generator = new LoadGenerator(JSON.parse(process.argv[2] ?? '') as Load)
  say({ report: await generator.run((progress) => say({ progress })) })
} catch (error) {
  say({ error: error instanceof Error ? error.message : String(error) })
}
