import type { Style } from '@overlap/workload'
import type { Wrong } from './fault.ts'

export const batch: Style['batch'] = () => {
  throw new Error('not written yet')
}

export const wrongBatches: readonly Wrong[] = []
