/** The value below which `share` (0 to 1) of the sorted values lie, by linear interpolation. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const position = (sorted.length - 1) * share
  const [low = NaN, high = NaN] = [sorted[Math.floor(position)], sorted[Math.ceil(position)]]
  return low + (high - low) * (position - Math.floor(position))
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** The same values in random order (Fisher and Yates). */
export function shuffled<A>(values: readonly A[]): A[] {
  const result = [...values]
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    const [a, b] = [result[last], result[other]]
    if (a === undefined || b === undefined) continue
    result[last] = b
    result[other] = a
  }
  return result
}

/** By how much `y` grows with `x`: that of the line with the least squares. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(points.map(([each]) => each)), mean(points.map(([, each]) => each))]
  const sum = (term: (dx: number, dy: number) => number) =>
    points.reduce((total, point) => total + term(point[0] - x, point[1] - y), 0)
  return sum((dx, dy) => dx * dy) / sum((dx) => dx * dx)
}
