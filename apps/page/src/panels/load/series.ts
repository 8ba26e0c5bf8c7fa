/** What the load has told, as lines to be drawn: one for each style, over the time for which that style was under load. */
import type { LoadState } from '@overlap/load/order'
import type { percentiles } from './fields.ts'

export interface Point {
  readonly style: string
  /** For which it had been under load. */
  readonly seconds: number
  readonly perSecond: number
  readonly times: Readonly<Record<(typeof percentiles)[number], number>> | null
  readonly delayMs: number | null
  readonly inUse: number | null
  readonly waiting: number | null
}

/** `null`: there is nothing to be drawn there. */
export type Figure = (point: Point) => number | null

/** With what the state says besides. What is being warmed up is not drawn. */
export function extend(points: readonly Point[], { now, styles, server }: LoadState): readonly Point[] {
  const seconds = styles.find(({ style }) => style === now?.style)?.seconds
  if (!now?.recent || now.warmingUp || seconds === undefined) return points
  const point: Point = {
    style: now.style,
    seconds,
    perSecond: now.recent.perSecond,
    times: now.recent.ms,
    delayMs: server?.eventLoopDelayMs ?? null,
    inUse: server?.connections.inUse ?? null,
    waiting: server?.connections.waiting ?? null,
  }
  return [...points, point]
}

/** As a chart takes them: the seconds, and the figures of each style at these, where it has one. */
export function toColumns(
  points: readonly Point[],
  styles: readonly string[],
  figure: Figure,
): [number[], ...(number | null)[][]] {
  const sorted = points.toSorted((a, b) => a.seconds - b.seconds)
  return [
    sorted.map(({ seconds }) => seconds),
    ...styles.map((style) => sorted.map((point) => (point.style === style ? figure(point) : null))),
  ]
}

/** As a table tells them: the last figure of each style in each second. */
export function toRows(
  points: readonly Point[],
  styles: readonly string[],
  figure: Figure,
): readonly { readonly second: number; readonly figures: readonly (number | null)[] }[] {
  const seconds = [...new Set(points.map((point) => Math.ceil(point.seconds)))].toSorted((a, b) => a - b)
  return seconds.map((second) => ({
    second,
    figures: styles.map((style) => {
      const own = points.filter((point) => point.style === style && Math.ceil(point.seconds) === second)
      return own.map(figure).findLast((value) => value !== null) ?? null
    }),
  }))
}
