/** All that is measured, in the order of the results. */
import { clients } from './clients/clients.ts'
import { experiments } from './experiments.ts'
import { memory } from './alone/memory.ts'
import type { Part } from './part.ts'
import { quiet } from './quiet/quiet.ts'
import { server } from './server/server.ts'
import { size } from './size.ts'
import { stacks } from './stacks/stacks.ts'
import { styles } from './alone/styles.ts'

export const parts: readonly Part[] = [experiments, server, styles, memory, quiet, clients, size, stacks]
