import type { Style } from '@overlap/workload'
import type { Wrong } from './fault.ts'

export const echo: Style['echo'] = () => {
  throw new Error('not written yet')
}

export const wrongEchoes: readonly Wrong[] = []
