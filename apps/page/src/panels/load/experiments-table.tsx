/** The talks' table beside ours: times that are theirs, and ratios that must come back. */
import type { ComponentChildren } from 'preact'
import { type Experiment, type ExperimentResult, experiments } from '@overlap/load/experiments'
import { type Progress, isBusy, progress, run, stop } from './experiments.ts'
import { show, showSeconds } from './format.ts'

export function Experiments() {
  const total = experiments.reduce((sum, { seconds }) => sum + seconds, 0)
  return (
    <section class="experiments" aria-labelledby="experiments-title">
      <h3 id="experiments-title">What the talks measured, and what comes back here</h3>
      <p class="hint">
        Theirs: Python, 2013 to 2017, a database call and an HTTP call of 300 ms each, where nothing else is
        said. The time is the machine’s; the ratio is the point, and must come back within 15 %, or be above 1
        where how much more is a matter of the language or the machine.
      </p>
      <p class="scripted-only">
        {isBusy() ? (
          <button type="button" onClick={stop}>
            Stop
          </button>
        ) : (
          <button type="button" onClick={() => void run(experiments.map(({ id }) => id))}>
            Run all, about {total} s
          </button>
        )}
      </p>
      <p class="hint unscripted-only">To make them here, one needs JavaScript, or curl.</p>
      <table role="table">
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" scope="col">
              What
            </th>
            <th role="columnheader" scope="col">
              Theirs
            </th>
            <th role="columnheader" scope="col">
              Floor
            </th>
            <th role="columnheader" scope="col">
              Ours
            </th>
            <th role="columnheader" scope="col">
              Ratio
            </th>
            <th role="columnheader" scope="col">
              Held
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {experiments.map((experiment) => (
            <Row key={experiment.id} experiment={experiment} own={progress.value[experiment.id]} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

function Row({ experiment, own }: { readonly experiment: Experiment; readonly own: Progress | undefined }) {
  const { id, what, theirs, floor, point, ours } = experiment
  const result = own?.state === 'done' ? own.result : undefined
  return (
    <tr role="row" id={id}>
      <th role="rowheader" scope="row">
        <strong class="id">{id}</strong> {code(what)}
        <p class="point">{point}</p>
        <p class="how">Here: {code(ours)}</p>
      </th>
      <Cell label="Theirs">{theirs}</Cell>
      <Cell label="Floor">{floor ?? '–'}</Cell>
      <Cell label="Ours">
        {result && <Parts result={result} />}
        {own?.state === 'failed' && <p class="failed">{own.message}</p>}
        <RunButton experiment={experiment} own={own} />
      </Cell>
      <Cell label="Ratio">
        <Ratio experiment={experiment} result={result} />
      </Cell>
      <Cell label="Held">
        <Held result={result} />
      </Cell>
    </tr>
  )
}

/** `label`: where a window is too narrow for columns, it stands before the value. */
function Cell({ label, children }: { readonly label: string; readonly children: ComponentChildren }) {
  return (
    <td role="cell" data-label={label}>
      <div>{children}</div>
    </td>
  )
}

function RunButton({
  experiment,
  own,
}: {
  readonly experiment: Experiment
  readonly own: Progress | undefined
}) {
  if (own?.state === 'running') return <p role="status">running, about {experiment.seconds} s</p>
  if (own?.state === 'waiting') return <p>waiting</p>
  return (
    <button
      type="button"
      class="scripted-only"
      disabled={isBusy()}
      aria-label={`Run ${experiment.id}`}
      onClick={() => void run([experiment.id])}
    >
      {own ? 'Again' : 'Run'}
    </button>
  )
}

/** Many calls of a function are told by the one, because that is what a reader can compare. */
function Parts({ result: { id, parts, note } }: { readonly result: ExperimentResult }) {
  return (
    <>
      <ul class="parts">
        {parts.map(({ label, seconds }, index) => (
          <li key={index}>
            {parts.length > 1 && <span>{label}</span>}{' '}
            <b>{id === 'E9' ? `${showSeconds(seconds / 10_000)} a call` : showSeconds(seconds)}</b>
          </li>
        ))}
      </ul>
      {note && <p>{note}</p>}
    </>
  )
}

function Ratio({
  experiment: { ratio },
  result,
}: {
  readonly experiment: Experiment
  readonly result: ExperimentResult | undefined
}) {
  if (!ratio) return <>–</>
  return (
    <>
      <p class="of">{ratio.of}</p>
      <p>
        {ratio.byArithmetic ? 'arithmetic' : 'theirs'} {show(ratio.theirs)}
      </p>
      {typeof result?.ratio === 'number' && (
        <p>
          <strong>ours {show(result.ratio)}</strong>
        </p>
      )}
      {ratio.holds === 'above 1' && <p class="of">held when above 1</p>}
    </>
  )
}

function Held({ result }: { readonly result: ExperimentResult | undefined }) {
  if (!result) return <>–</>
  if (result.held === null) return <>no ratio</>
  return result.held ? <strong class="held">✓ held</strong> : <strong class="failed">✗ not held</strong>
}

/** What stands between backquotes is code. */
function code(text: string) {
  return text.split('`').map((piece, index) => (index % 2 === 1 ? <code key={index}>{piece}</code> : piece))
}
