/** Numbers, as a person reads them. */

const three = (value: number) => (value < 10 ? 2 : value < 100 ? 1 : 0)

/** To three digits. */
export function show(value: number | null | undefined): string {
  return value === null || value === undefined
    ? '–'
    : value.toLocaleString('en', { maximumFractionDigits: three(value) })
}

export const showCount = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 0 })

/** In the unit that fits: ns to s. */
export function showSeconds(seconds: number): string {
  if (seconds >= 0.1) return `${seconds.toFixed(3)} s`
  if (seconds >= 1e-4) return `${show(seconds * 1e3)} ms`
  return seconds >= 1e-7 ? `${show(seconds * 1e6)} µs` : `${show(seconds * 1e9)} ns`
}

/** In ms, or in s from one on. */
export const showMs = (ms: number): string => (ms >= 1000 ? `${show(ms / 1000)} s` : `${show(ms)} ms`)
