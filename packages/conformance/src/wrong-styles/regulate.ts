import type { Style } from '@overlap/workload'
import type { Wrong } from './fault.ts'

export const regulate: Style['regulate'] = () => {
  throw new Error('not written yet')
}

export const wrongRegulates: readonly Wrong[] = []
