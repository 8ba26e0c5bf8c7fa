/** What the server can run: the five styles, in the order in which they are shown, and what is shown apart from them. */
import { callbacks } from '@overlap/callbacks'
import { effect } from '@overlap/effect'
import { generators } from '@overlap/generators'
import { naive } from '@overlap/naive'
import { observables } from '@overlap/observables'
import { promises } from '@overlap/promises'
import type { Style } from '@overlap/workload'

export const styles: readonly Style[] = [callbacks, promises, generators, observables, effect]

/** Run only for a request that names them. */
export const exhibits: readonly Style[] = [naive]

/** Whom the suite can judge here, by the names of their packages. */
export const judgedStyles: readonly string[] = [...styles, ...exhibits].map(({ name }) => name)
