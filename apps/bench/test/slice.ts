import { MIDDLE } from '../src/server/server-subjects.ts'
import type { Slice } from '../src/server/slices.ts'

/** One in which nothing counts but how many requests there were in a second. */
export function slice(subject: string, round: number, perSecond: number): Slice {
  return {
    subject,
    round,
    perSecond,
    connections: MIDDLE,
    answers: 100,
    cpuEach: 1e6 / perSecond,
    p50: 1,
    p90: 2,
    p99: 3,
    generatorShare: 0.2,
  }
}
