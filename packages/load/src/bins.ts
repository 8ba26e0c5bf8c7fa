/**
 * The bins that a histogram of latencies is drawn with: four for each doubling, so that each is 19 % wider than the one
 * before, and a millisecond is told apart as well as a second. It runs in a browser, too.
 */

/** How many latencies are in bin `n`: from 2^(n/4) ms on, up to 2^((n+1)/4) ms. `n` may be negative. */
export type Bin = readonly [n: number, count: number]

const PER_DOUBLING = 4

export const binOf = (ms: number): number => Math.floor(Math.log2(ms) * PER_DOUBLING)

/** Where bin `n` begins, in ms. */
export const binStartMs = (n: number): number => 2 ** (n / PER_DOUBLING)
