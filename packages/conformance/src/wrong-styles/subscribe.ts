import type { Style } from '@overlap/workload'
import type { Wrong } from './fault.ts'

export const subscribe: Style['subscribe'] = () => {
  throw new Error('not written yet')
}

export const wrongSubscribes: readonly Wrong[] = []
