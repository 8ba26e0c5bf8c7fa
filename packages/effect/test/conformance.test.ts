import { conformance } from '@overlap/conformance/vitest'
import { effect } from '@overlap/effect'

conformance(effect)
