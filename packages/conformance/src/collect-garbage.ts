import v8 from 'node:v8'
import vm from 'node:vm'

/** Frees what nobody can reach any more, now. */
export function collectGarbage(): void {
  v8.setFlagsFromString('--expose-gc')
  const collect = vm.runInNewContext('gc') as () => void
  // What was there before is gone only after the second time.
  collect()
  collect()
}
