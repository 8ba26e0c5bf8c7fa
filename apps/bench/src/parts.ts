/** All that is measured, in the order of the results. */
import { memory } from './alone/memory.ts'
import { styles } from './alone/styles.ts'
import { clients } from './clients/clients.ts'
import { experiments } from './experiments.ts'
import type { Part } from './part.ts'
import { quiet } from './quiet/quiet.ts'
import { freshServers } from './server/fresh-servers.ts'
import { server } from './server/server.ts'
import { size } from './size.ts'
import { stacks } from './stacks/stacks.ts'

export const parts: readonly Part[] = [
  experiments,
  server,
  freshServers,
  styles,
  memory,
  quiet,
  clients,
  size,
  stacks,
]
