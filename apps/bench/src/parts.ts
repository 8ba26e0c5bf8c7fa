/** All that is measured, in the order of the results. */
import { clients } from './clients.ts'
import { experiments } from './experiments.ts'
import { memory } from './memory.ts'
import type { Part } from './part.ts'
import { quiet } from './quiet.ts'
import { server } from './server.ts'
import { size } from './size.ts'
import { stacks } from './stacks.ts'
import { styles } from './styles.ts'

export const parts: readonly Part[] = [experiments, server, styles, memory, quiet, clients, size, stacks]
