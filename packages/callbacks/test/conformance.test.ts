import { conformance } from '@overlap/conformance/vitest'
import { callbacks } from '@overlap/callbacks'

conformance(callbacks)
