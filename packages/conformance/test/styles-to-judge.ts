/** Styles for the process that judges one: it loads this very file. */
import { writeSync } from 'node:fs'
import type { Style } from '@overlap/workload'
import { right } from '../src/wrong-styles/right.ts'

export const healthy: Style = { name: 'healthy', ...right }

/** Wrong for some inputs only, so that a walk has to find it. */
export const oversleeping: Style = {
  ...healthy,
  name: 'oversleeping',
  timeout: (port, input, signal) => right.timeout(port, { ...input, ms: input.ms + 1 }, signal),
}

export const ending: Style = { ...healthy, name: 'ending', sequence: () => process.exit(3) }

/** As one does that has been asked to end, and has nothing to complain of. */
export const leaving: Style = { ...healthy, name: 'leaving', sequence: () => process.exit(0) }

export const killing: Style = {
  ...healthy,
  name: 'killing',
  sequence() {
    process.kill(process.pid, 'SIGKILL')
    return new Promise(() => {})
  },
}

export const spinning: Style = {
  ...healthy,
  name: 'spinning',
  sequence() {
    writeSync(2, 'spinning\n')
    for (;;);
  },
}
