/** Tells subjects apart that were measured in the same rounds. */
import { median } from 'simple-statistics'

/** How a subject does beside another. */
export interface Comparison {
  /** The median of the rounds' ratios. */
  readonly ratio: number
  /** Between these two lies the true median with a probability of 95 % or more, if there are 6 rounds or more. */
  readonly low: number
  readonly high: number
}

/**
 * Compares round by round: what slows the machine down for a while slows a whole round, and no ratio.
 *
 * The interval is that of the sign test: as many rounds as come out further away are as likely as a coin's heads. It
 * asks nothing of how the ratios are distributed.
 *
 * Source: Conover, Practical Nonparametric Statistics (1999), section 3.2.
 *
 * @param own One figure for each round.
 * @param base Those of the other, in the same order.
 */
export function compare(own: readonly number[], base: readonly number[]): Comparison {
  if (own.length === 0 || own.length !== base.length)
    throw new RangeError(
      `expected as many rounds of both, and at least one, got ${own.length} and ${base.length}`,
    )
  const ratios = own.map((figure, round) => figure / (base[round] ?? NaN)).toSorted((a, b) => a - b)
  const outside = ranksOutside(ratios.length)
  return { ratio: median(ratios), low: ratios.at(outside) ?? NaN, high: ratios.at(-1 - outside) ?? NaN }
}

/** How many of `n` sorted values can be left out at either end, so that their median lies among the others in 95 of 100 cases. */
function ranksOutside(n: number): number {
  let outside = 0
  /** The probability that so few heads, or fewer, come out of `n` throws. */
  let tail = 0.5 ** n
  for (let term = tail; ; outside++) {
    term *= (n - outside) / (outside + 1)
    tail += term
    if (2 * tail > 0.05) return outside
  }
}

/**
 * Whether a difference was seen: not where the interval holds 1, nor where it is no further from 1 than that of the
 * control, which is one program measured as two.
 */
export function isDifferent({ ratio, low, high }: Comparison, control: Comparison): boolean {
  const noise = Math.max(Math.abs(Math.log(control.low)), Math.abs(Math.log(control.high)))
  return (low > 1 || high < 1) && Math.abs(Math.log(ratio)) > noise
}

/** The ratio, and in brackets the interval. */
export const show = ({ ratio, low, high }: Comparison): string =>
  `${ratio.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`
