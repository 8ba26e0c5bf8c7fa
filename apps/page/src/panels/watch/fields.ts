/** What this panel alone has in the address. */
import { field, flag, integerOrNever } from '../../address.ts'
import { DELAY_LIMIT_MS } from '../../parameters.ts'

/** After how many ms the client leaves; 0: never. The client is this page, so the server knows nothing of it. */
export const leaveMsField = field('leaveMs', integerOrNever(DELAY_LIMIT_MS), 0)

/** It is run as soon as it is shown. */
export const runField = field('run', flag, false)
