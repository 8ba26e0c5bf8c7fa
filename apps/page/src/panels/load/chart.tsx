/** A chart of what the load tells as it goes on, and the same as a table. */
import type uPlot from 'uplot'
import { useEffect, useRef, useState } from 'preact/hooks'
import { effect } from '@preact/signals'
import { themeField } from '../../theme.ts'
import { show } from './format.ts'
import { points } from './live.ts'
import { type Figure, type Point, toColumns, toRows } from './series.ts'

const HEIGHT = 190

/** So that a style's line is told apart by more than its colour. */
export const dashes: Readonly<Record<string, readonly number[]>> = {
  callbacks: [],
  promises: [8, 4],
  generators: [2, 3],
  observables: [10, 3, 2, 3],
  effect: [14, 4],
  naive: [4, 4],
}

interface ChartProps {
  readonly title: string
  readonly unit: string
  readonly styles: readonly string[]
  readonly figure: Figure
}

export function Chart({ title, unit, styles, figure }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const chosen = styles.join()
  useEffect(() => {
    const element = place.current
    if (!element) return undefined
    const drawing = new AbortController()
    void draw(element, chosen.split(','), figure, drawing.signal)
    return () => drawing.abort()
    // `figure` is one of few that do not change.
  }, [chosen, figure, themeField.value])
  return (
    <figure class="chart">
      <figcaption>
        {title} <small>{unit}</small>
      </figcaption>
      <div class="canvas" ref={place} aria-hidden="true" />
      <Table title={title} unit={unit} styles={styles} figure={figure} />
    </figure>
  )
}

/** Until the signal aborts. The chart's library is loaded for this, so that no other panel pays for it. */
async function draw(
  element: HTMLElement,
  styles: readonly string[],
  figure: Figure,
  signal: AbortSignal,
): Promise<void> {
  const { default: Plot } = await import('uplot')
  if (signal.aborted) return
  const dark = matchMedia('(prefers-color-scheme: dark)')
  let plot: uPlot | undefined
  const make = () => {
    plot?.destroy()
    plot = new Plot(optionsOf(element, styles), columns(points.peek()), element)
  }
  const columns = (drawn: readonly Point[]) => toColumns(drawn, styles, figure) as uPlot.AlignedData
  make()
  const observer = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: HEIGHT }))
  observer.observe(element)
  dark.addEventListener('change', make, { signal })
  const stop = effect(() => plot?.setData(columns(points.value)))
  signal.addEventListener('abort', () => {
    stop()
    observer.disconnect()
    plot?.destroy()
  })
}

function optionsOf(element: HTMLElement, styles: readonly string[]): uPlot.Options {
  // A canvas knows no variables of the style sheet, so the colours are read from elements that have them.
  const { color, borderTopColor } = getComputedStyle(element)
  const colourOf = (style: string) => {
    const marker = document.querySelector(`.marker.${CSS.escape(style)}`)
    return marker ? getComputedStyle(marker).fill : color
  }
  const axis = { stroke: color, grid: { stroke: borderTopColor, width: 1 }, ticks: { show: false } }
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 12, 0, 0],
    scales: {
      x: { time: false, range: (_plot, _min, max) => [0, Math.max(max ?? 0, 1)] },
      y: { range: (_plot, _min, max) => [0, Math.max(max ?? 0, 1) * 1.1] },
    },
    axes: [
      { ...axis, size: 26, values: (_plot, values) => values.map((value) => `${value} s`) },
      { ...axis, size: 58, values: (_plot, values) => values.map(show) },
    ],
    series: [
      {},
      ...styles.map((style) => ({
        label: style,
        stroke: colourOf(style),
        width: 2,
        dash: [...(dashes[style] ?? [])],
        spanGaps: true,
        points: { show: false },
      })),
    ],
  }
}

/** Its rows are made only while it is open: they change several times a second. */
function Table({ title, unit, styles, figure }: ChartProps) {
  const [isOpen, setOpen] = useState(false)
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        As a table<span class="quietly">: {title}</span>
      </summary>
      {isOpen && (
        <div class="scroll" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
          <table>
            <caption>The last of each second under load, {unit}</caption>
            <thead>
              <tr>
                <th scope="col">Second</th>
                {styles.map((style) => (
                  <th key={style} scope="col" class="number">
                    {style}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {toRows(points.value, styles, figure).map(({ second, figures }) => (
                <tr key={second}>
                  <th scope="row">{second}</th>
                  {figures.map((value, index) => (
                    <td key={styles[index]} class="number">
                      {show(value)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  )
}
