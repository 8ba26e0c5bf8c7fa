/** All that is measured, in the order of the results. */
import type { Part } from './part.ts'
import { serverPart } from './server.ts'

// A cast: a part renders what it has measured itself, and nobody else looks into it.
export const parts: readonly Part<unknown>[] = [serverPart as unknown as Part<unknown>]
