export { observables } from './adapter.ts'
export { combine } from './combine.ts'
export { sequence } from './sequence.ts'
export { timeout } from './timeout.ts'
