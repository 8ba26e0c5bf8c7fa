/** All that is measured, in the order of the results. */
import { clients } from './clients.ts'
import type { Part } from './part.ts'
import { quiet } from './quiet.ts'
import { stacks } from './stacks.ts'

export const parts: readonly Part<unknown>[] = [
  quiet as Part<unknown>,
  clients as Part<unknown>,
  stacks as Part<unknown>,
]
