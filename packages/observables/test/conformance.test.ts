import { conformance } from '@overlap/conformance/vitest'
import { observables } from '@overlap/observables'

conformance(observables)
