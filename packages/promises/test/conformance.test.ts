import { conformance } from '@overlap/conformance/vitest'
import { promises } from '@overlap/promises'

conformance(promises)
