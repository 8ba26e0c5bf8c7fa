/** What has come of the load so far: the server, the styles in numbers, and as charts. */
import type { LoadState, StyleFigures } from '@overlap/load/order'
import type { ExhibitName } from '../../choice.ts'
import { Marker } from '../../marker.tsx'
import { Chart, dashes } from './chart.tsx'
import { percentileField, percentiles } from './fields.ts'
import { show, showCount } from './format.ts'
import { Histograms } from './histogram.tsx'
import { paused } from './live.ts'
import type { Figure, Point } from './series.ts'

const figures = {
  perSecond: (point: Point) => point.perSecond,
  p50: (point: Point) => point.times?.p50 ?? null,
  p90: (point: Point) => point.times?.p90 ?? null,
  p99: (point: Point) => point.times?.p99 ?? null,
  max: (point: Point) => point.times?.max ?? null,
  delayMs: (point: Point) => point.delayMs,
  inUse: (point: Point) => point.inUse,
  waiting: (point: Point) => point.waiting,
} as const satisfies Readonly<Record<string, Figure>>

export function Figures({ state }: { readonly state: LoadState }) {
  const styles = state.order?.styles ?? []
  return (
    <div class="load-figures">
      <Status state={state} />
      <StyleTable styles={state.styles} />
      {styles.includes('naive') && (
        <p class="hint">
          The server lets only a few runs of <code>naive</code> in at a time, on connections of their own,
          because what it leaves running has no bound. So most of its requests are refused, and its numbers
          say nothing of speed.
        </p>
      )}
      <Legend styles={styles} />
      <div class="charts">
        <Chart title="Throughput" unit="successes in a second" styles={styles} figure={figures.perSecond} />
        <div>
          <PercentileChoice />
          <Chart
            title={`Time of answers, ${nameOf(percentileField.value)}`}
            unit="ms"
            styles={styles}
            figure={figures[percentileField.value]}
          />
        </div>
        <Chart title="Event loop delay, p99" unit="ms late" styles={styles} figure={figures.delayMs} />
        <Chart title="In use, to Postgres" unit="connections" styles={styles} figure={figures.inUse} />
        <Chart title="Waiting for a connection" unit="calls" styles={styles} figure={figures.waiting} />
      </div>
      <Histograms styles={state.styles} />
    </div>
  )
}

const nameOf = (percentile: string) => (percentile === 'max' ? 'the longest' : percentile)

function Status({ state: { state, order, elapsedMs, now, server } }: { readonly state: LoadState }) {
  const does = {
    idle: '',
    running: now ? `${now.style} is ${now.warmingUp ? 'being warmed up' : 'under load'}` : 'It begins',
    finished: 'It has ended',
    stopped: 'It was stopped',
    failed: 'It has failed: the server could not be reached',
  }[state]
  return (
    <div class="status">
      <p>
        <strong>{does}</strong>
        {paused.value && <em> · the charts are paused</em>}
        <br />
        <span class="hint">
          <code>{order?.scenario}</code>, {order?.model},{' '}
          {order?.model === 'open'
            ? `${showCount(order.perSecond)} requests in a second`
            : `${showCount(order?.connections ?? 0)} connections`}
          , {(elapsedMs / 1000).toFixed(1)} s{state === 'running' ? ' so far' : ' with warming up'}
        </span>
      </p>
      {server && state === 'running' && (
        <dl>
          <Tile name="Event loop delay, p99" value={`${show(server.eventLoopDelayMs)} ms`} />
          <Tile
            name="Connections in use"
            value={`${server.connections.inUse} of ${server.connections.max}`}
          />
          <Tile name="Waiting for one" value={showCount(server.connections.waiting)} />
          <Tile name="Runs under way" value={showCount(server.runs)} />
        </dl>
      )}
    </div>
  )
}

function Tile({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function StyleTable({ styles }: { readonly styles: readonly StyleFigures[] }) {
  const first = styles[0]?.perSecond ?? 0
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="What came of each style">
      <table>
        <thead>
          <tr>
            <th scope="col">Style</th>
            {[
              'successes/s',
              `× ${styles[0]?.style ?? 'the first'}`,
              'answered',
              'refused',
              'failed',
              'not sent',
            ].map(heading)}
            {['p50 ms', 'p90 ms', 'p99 ms', 'longest ms', 'sent late, p99 ms'].map(heading)}
          </tr>
        </thead>
        <tbody>
          {styles.map(({ style, perSecond, outcomes, ms, lateMs }) => (
            <tr key={style}>
              <th scope="row">
                <Marker style={style as ExhibitName} /> {style}
              </th>
              <td class="number strong">{showCount(perSecond)}</td>
              <td class="number">{first > 0 ? (perSecond / first).toFixed(2) : '–'}</td>
              {(['succeeded', 'refused', 'failed', 'unsent'] as const).map((outcome) => (
                <td key={outcome} class={`number ${outcomes[outcome] > 0 ? outcome : ''}`}>
                  {showCount(outcomes[outcome])}
                </td>
              ))}
              {percentiles.map((percentile) => (
                <td key={percentile} class="number">
                  {show(ms?.[percentile])}
                </td>
              ))}
              <td class="number">{show(lateMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const heading = (text: string) => (
  <th key={text} scope="col" class="number">
    {text}
  </th>
)

/** The lines of all charts. */
function Legend({ styles }: { readonly styles: readonly string[] }) {
  return (
    <div class="legend">
      <ul aria-label="Lines">
        {styles.map((style) => (
          <li key={style}>
            <Marker style={style as ExhibitName} />
            <svg width="44" height="8" aria-hidden="true">
              <line
                class={`line ${style}`}
                x1="0"
                x2="44"
                y1="4"
                y2="4"
                stroke-dasharray={dashes[style]?.join(' ')}
              />
            </svg>
            {style}
          </li>
        ))}
      </ul>
      <p class="hint">Over the seconds for which each style was under load.</p>
    </div>
  )
}

function PercentileChoice() {
  return (
    <fieldset class="percentiles">
      <legend>Time</legend>
      {percentiles.map((percentile) => (
        <label key={percentile}>
          <input
            type="radio"
            name="loadTime"
            checked={percentileField.value === percentile}
            onChange={() => (percentileField.value = percentile)}
          />
          {nameOf(percentile)}
        </label>
      ))}
    </fieldset>
  )
}
