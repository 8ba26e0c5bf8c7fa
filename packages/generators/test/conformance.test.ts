import { conformance } from '@overlap/conformance/vitest'
import { generators } from '@overlap/generators'

conformance(generators)
