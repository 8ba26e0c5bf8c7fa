/** How long the answers of each style took: a histogram each, over one axis, so that they can be read one above the other. */
import { binStartMs } from '@overlap/load/bins'
import type { StyleFigures } from '@overlap/load/order'
import type { ExhibitName } from '../../choice.ts'
import { Marker } from '../../marker.tsx'
import { showCount, showMs } from './format.ts'

const HEIGHT = 60
/** Bins: four doublings. */
const FEWEST = 16
/** Of one bin, in the drawing's own units. */
const WIDTH = 10

interface Axis {
  readonly first: number
  readonly last: number
}

export function Histograms({ styles }: { readonly styles: readonly StyleFigures[] }) {
  const all = styles.flatMap(({ bins }) => bins.map(([n]) => n))
  if (all.length === 0) return null
  const [least, most] = [Math.min(...all), Math.max(...all)]
  // Where all take the same time, that is a narrow hill, and no wall.
  const margin = Math.max(1, Math.ceil((FEWEST - (most - least)) / 2))
  const axis = { first: least - margin, last: most + margin }
  return (
    <section class="histograms" aria-labelledby="histograms-title">
      <h3 id="histograms-title">How long answers took</h3>
      <p class="hint">
        One logarithmic axis for all; heights are shares of a style’s own answers. The line is the 50th
        percentile, the dotted one the 99th.
      </p>
      {styles.map((figures) => (
        <Histogram key={figures.style} figures={figures} axis={axis} />
      ))}
      <Ticks axis={axis} />
      <BinTable styles={styles} axis={axis} />
    </section>
  )
}

function Histogram({
  figures: { style, bins, ms },
  axis,
}: {
  readonly figures: StyleFigures
  readonly axis: Axis
}) {
  const most = Math.max(...bins.map(([, count]) => count), 1)
  const width = (axis.last - axis.first + 1) * WIDTH
  const xOf = (at: number) => (Math.log2(at) * 4 - axis.first) * WIDTH
  return (
    <figure class={`histogram ${style}`}>
      <figcaption>
        <Marker style={style as ExhibitName} /> {style}
        {ms && (
          <small>
            p50 {showMs(ms.p50)} · p90 {showMs(ms.p90)} · p99 {showMs(ms.p99)} · longest {showMs(ms.max)}
          </small>
        )}
      </figcaption>
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {bins.map(([n, count]) => {
          // What is there is to be seen.
          const height = Math.max((count / most) * HEIGHT, 1)
          return (
            <rect
              key={n}
              class={`bar ${style}`}
              x={(n - axis.first) * WIDTH + 0.5}
              y={HEIGHT - height}
              width={WIDTH - 1}
              height={height}
            />
          )
        })}
        {ms &&
          ([ms.p50, ms.p99] as const).map((at, index) => (
            <line
              key={index}
              class={index === 0 ? 'p50' : 'p99'}
              x1={xOf(at)}
              x2={xOf(at)}
              y1={0}
              y2={HEIGHT}
              vector-effect="non-scaling-stroke"
            />
          ))}
      </svg>
    </figure>
  )
}

/** The powers of ten. As a drawing, because nothing in the page may have a style of its own. */
function Ticks({ axis }: { readonly axis: Axis }) {
  const [from, to] = [binStartMs(axis.first), binStartMs(axis.last + 1)]
  const powers = Array.from({ length: 9 }, (_, index) => 10 ** (index - 3)).filter(
    (ms) => ms >= from && ms <= to,
  )
  const share = (ms: number) => `${((Math.log2(ms) * 4 - axis.first) / (axis.last - axis.first + 1)) * 100}%`
  return (
    <svg class="ticks" width="100%" height="24" aria-hidden="true">
      {powers.map((ms) => (
        <g key={ms}>
          <line x1={share(ms)} x2={share(ms)} y1="0" y2="6" />
          <text x={share(ms)} y="20" text-anchor="middle">
            {showMs(ms)}
          </text>
        </g>
      ))}
    </svg>
  )
}

function BinTable({ styles, axis }: { readonly styles: readonly StyleFigures[]; readonly axis: Axis }) {
  const rows = Array.from({ length: axis.last - axis.first + 1 }, (_, index) => axis.first + index)
  return (
    <details>
      <summary>
        As a table<span class="quietly">: how long answers took</span>
      </summary>
      <div class="scroll" tabIndex={0} role="region" aria-label="How long answers took, as a table">
        <table>
          <caption>Answers, by how long they took</caption>
          <thead>
            <tr>
              <th scope="col">From</th>
              {styles.map(({ style }) => (
                <th key={style} scope="col" class="number">
                  {style}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((bin) => (
              <tr key={bin}>
                <th scope="row">{showMs(binStartMs(bin))}</th>
                {styles.map(({ style, bins }) => (
                  <td key={style} class="number">
                    {showCount(bins.find(([n]) => n === bin)?.[1] ?? 0)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  )
}
