/** The five styles that the server can run, in the order in which they are shown. */
import { callbacks } from '@overlap/callbacks'
import { effect } from '@overlap/effect'
import { generators } from '@overlap/generators'
import { observables } from '@overlap/observables'
import { promises } from '@overlap/promises'
import type { Style } from '@overlap/workload'

export const styles: readonly Style[] = [callbacks, promises, generators, observables, effect]

/** Whom the suite can judge here, by the names of their packages. */
export const judgedStyles: readonly string[] = styles.map(({ name }) => name)
