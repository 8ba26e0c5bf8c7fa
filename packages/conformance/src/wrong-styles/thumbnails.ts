import type { Style } from '@overlap/workload'
import type { Wrong } from './fault.ts'

export const thumbnails: Style['thumbnails'] = () => {
  throw new Error('not written yet')
}

export const wrongThumbnails: readonly Wrong[] = []
