/** A time axis that begins at 0, with round numbers on it. Pure. */
import { DELAY_LIMIT_MS } from '../../parameters.ts'

export interface Axis {
  readonly endMs: number
  readonly ticks: readonly number[]
}

/** One that reaches `ms` at least, with at most `most` ticks after the first. */
export function axisTo(ms: number, most: number): Axis {
  const endMs = Math.max(ms, 10) * 1.04
  const power = 10 ** Math.floor(Math.log10(endMs / most))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => endMs / one <= most) ?? endMs
  const ticks = Array.from({ length: Math.floor(endMs / step) + 1 }, (_, index) => index * step)
  return { endMs, ticks }
}

/** To multiples of 50, within what a delay may be. */
export const roundDelay = (ms: number) => Math.min(DELAY_LIMIT_MS, Math.max(0, Math.round(ms / 50) * 50))
