/** The suite: every clause in every style, and what was seen where one does not hold. */
import { Fragment } from 'preact'
import { useEffect } from 'preact/hooks'
import { type ScenarioName, scenarios } from '@overlap/workload'
import { type Field, hrefWith } from '../../address.ts'
import { AdminToken } from '../../admin.tsx'
import { type ExhibitName, exhibitNames, scenarioField } from '../../choice.ts'
import { code } from '../../code.ts'
import { pageData } from '../../data.ts'
import { Marker } from '../../marker.tsx'
import type { Panel } from '../../panel.ts'
import { byField, clauseField, everyField, failuresField, shownClause } from './choice.ts'
import { Detail } from './detail.tsx'
import { type Row, type Score, Verdicts } from './table.ts'
import type { SuiteState, Verdict } from './state.ts'
import { timeOf, words } from './tell.ts'
import { follow, isRunning, problem, start, stop } from './verdicts.ts'
import './suite.css'

const scenarioNames = scenarios.map(({ name }) => name)

export const suite: Panel = {
  name: 'suite',
  key: 'S',
  title: 'Suite',
  about: 'What each style must hold, whether it does, and the test that has looked.',
  View: Suite,
  choice: false,
  keys: () => [
    {
      key: 'o',
      what: 'only what fails, or everything',
      press: () => (failuresField.value = !failuresField.value),
    },
    {
      key: 'e',
      what: 'every scenario, or the chosen one',
      press: () => (everyField.value = !everyField.value),
    },
    {
      key: 'r',
      what: 'judge the chosen scenario',
      press: () => void (isRunning() || start(scenarioField.value)),
    },
    { key: 'c', what: 'close the verdict', press: () => (byField.value = '') },
  ],
}

function Suite() {
  const state = pageData.value.suite
  const running = isRunning()
  useEffect(() => {
    if (state && !running) return undefined
    const controller = new AbortController()
    void follow(controller.signal)
    return () => controller.abort()
  }, [state === undefined, running])
  const verdicts = new Verdicts(state)
  return (
    <>
      <Runs />
      <div class="suite">
        <Summary verdicts={verdicts} />
        <section aria-label="Clauses">
          <Filter />
          <Clauses verdicts={verdicts} />
        </section>
      </div>
    </>
  )
}

/** What is going on, and what starts and stops it. */
function Runs() {
  const { suite: state } = pageData.value
  const run = state?.run
  const changed = changedOf(state)
  return (
    <section class="runs" aria-label="Runs of the suite">
      <div class="buttons scripted-only">
        <button type="button" class="primary" disabled={isRunning()} onClick={() => void start()}>
          Judge everything
        </button>
        <button type="button" disabled={isRunning()} onClick={() => void start(scenarioField.value)}>
          Judge {scenarioField.value} alone
        </button>
        {isRunning() && (
          <button type="button" onClick={() => void stop()}>
            Stop
          </button>
        )}
      </div>
      <p class="told">{tellRun(run)}</p>
      {run?.state === 'running' && (
        <progress class="scripted-only" max={run.total} value={run.done} aria-label="Clauses judged" />
      )}
      {run?.problems.map(({ style, message }) => (
        <p key={style} class="notice">
          Not all of {style} was judged: {message}.
        </p>
      ))}
      {problem.value && (
        <p class="notice" role="alert">
          {problem.value}
        </p>
      )}
      <AdminToken />
      {changed !== 'none' && (
        <p class="notice">
          The sources have changed since {changed === 'all' ? 'all of this' : 'what is marked with *'} was
          judged. Judge it again to see how it does now.
        </p>
      )}
      <p class="fine">
        On a scripted port and a virtual clock, in processes of their own. What needs real Postgres, HTTP and
        sockets is not judged here: <code>npm test</code> does that too.
        <span class="unscripted-only">
          {' '}
          To judge without JavaScript: <code>curl -X POST …/api/suite</code>
        </span>
      </p>
    </section>
  )
}

/** Which verdicts are about other sources than those that are here now. */
function changedOf(state: SuiteState | undefined): 'none' | 'some' | 'all' {
  const judged = state?.judged ?? []
  if (!judged.some(({ changed }) => changed)) return 'none'
  return judged.every(({ changed }) => changed) ? 'all' : 'some'
}

function tellRun(run: SuiteState['run'] | undefined): string {
  if (!run) return 'Nothing has been judged here yet.'
  const what = run.scenario ?? 'all scenarios'
  const count = `${run.done.toLocaleString('en')} of ${run.total.toLocaleString('en')} clauses`
  if (run.state === 'running') return `Judging ${what}${run.judging ? ` in ${run.judging}` : ''}: ${count}.`
  const end = run.state === 'stopped' ? 'was stopped' : 'ended'
  return `The last run, of ${what}, ${end} at ${timeOf(run.endedAt ?? run.startedAt)}: ${count} were judged.`
}

/** Scenario × style. */
function Summary({ verdicts }: { readonly verdicts: Verdicts }) {
  const all = code.value.clauses ?? {}
  const marks = changedOf(pageData.value.suite) === 'some'
  const scoreOf = (style: string, names: typeof scenarioNames) => {
    const scores = names.map((name) => verdicts.score(style, name, all[name] ?? []))
    const sum = (part: keyof Score) => scores.reduce((total, score) => total + score[part], 0)
    return { held: sum('held'), failed: sum('failed'), of: sum('of') }
  }
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="How the styles did, by scenario">
      <table class="summary">
        <caption>How many clauses hold</caption>
        <StyleHead first="Scenario" count="of" />
        <tbody>
          {scenarioNames.map((name) => (
            <tr key={name} class={name === scenarioField.value ? 'chosen' : undefined}>
              <th scope="row">
                <a
                  href={hrefWith({ scenario: name, every: null, clause: null, by: null })}
                  aria-current={name === scenarioField.value ? 'true' : undefined}
                >
                  {name}
                </a>
              </th>
              <td class="number">{all[name]?.length}</td>
              {exhibitNames.map((style) => (
                <ScoreCell
                  key={style}
                  score={scoreOf(style, [name])}
                  changed={marks && verdicts.judged(style, name)?.changed === true}
                />
              ))}
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">all</th>
            <td class="number">{scenarioNames.reduce((sum, name) => sum + (all[name]?.length ?? 0), 0)}</td>
            {exhibitNames.map((style) => (
              <ScoreCell key={style} score={scoreOf(style, scenarioNames)} changed={false} />
            ))}
          </tr>
        </tfoot>
      </table>
    </div>
  )
}

/** `count`: of a column of numbers before the styles. */
function StyleHead({ first, count }: { readonly first: string; readonly count?: string }) {
  return (
    <thead>
      <tr>
        <th scope="col">{first}</th>
        {count && (
          <th scope="col" class="number">
            {count}
          </th>
        )}
        {exhibitNames.map((style) => (
          <th key={style} scope="col" class="style">
            <span>
              <Marker style={style} /> {style}
            </span>
          </th>
        ))}
      </tr>
    </thead>
  )
}

interface ScoreCellProps {
  readonly score: Score
  readonly changed: boolean
}

function ScoreCell({ score: { held, failed, of }, changed }: ScoreCellProps) {
  const judged = held + failed
  const [kind, sign] = failed > 0 ? ['failed', '✗'] : judged < of ? ['none', '–'] : ['held', '✓']
  return (
    <td class={kind}>
      {sign} {held}
      {changed && '*'}
    </td>
  )
}

/** A form, so that it works without JavaScript too. */
function Filter() {
  return (
    <form class="filter" method="get" action="/">
      <input type="hidden" name="tab" value="suite" />
      <label>
        Scenario{' '}
        <select
          name="scenario"
          value={scenarioField.value}
          onChange={(event) => {
            scenarioField.value = event.currentTarget.value as typeof scenarioField.value
          }}
        >
          {scenarioNames.map((name) => (
            <option key={name} value={name} selected={name === scenarioField.value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <Flag what="every scenario" of={everyField} />
      <Flag what="only what fails" of={failuresField} />
      <button class="unscripted-only">Show</button>
    </form>
  )
}

interface FlagProps {
  readonly what: string
  readonly of: Field<boolean>
}

function Flag({ what, of }: FlagProps) {
  return (
    <label class="chip">
      <input
        type="checkbox"
        name={of.name}
        value="1"
        checked={of.value}
        onChange={(event) => {
          of.value = event.currentTarget.checked
        }}
      />
      {what}
    </label>
  )
}

/** Clause × style. */
function Clauses({ verdicts }: { readonly verdicts: Verdicts }) {
  const clauses = code.value.clauses ?? {}
  const shown = everyField.value ? scenarioNames : [scenarioField.value]
  const rows = verdicts.rows(exhibitNames, shown, clauses, failuresField.value)
  const isUnknown = byField.value !== '' && !shownClause(clauses)
  return (
    <>
      {isUnknown && (
        <p class="fine">
          {scenarioField.value} has no clause “{clauseField.value}”.
        </p>
      )}
      {rows.length === 0 ? (
        <p class="nothing">No style fails any of these clauses, as far as they have been judged.</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="The verdict on each clause">
          <table class="clause-table">
            <caption>
              {everyField.value ? 'Every clause' : `The clauses of ${scenarioField.value}`}
              {failuresField.value && ' that some style fails'}: a verdict leads to its test
            </caption>
            <StyleHead first="In every style, it" />
            {shown.map((scenario) => (
              <Group key={scenario} scenario={scenario} rows={rows} verdicts={verdicts} />
            ))}
          </table>
        </div>
      )}
    </>
  )
}

interface GroupProps {
  readonly scenario: ScenarioName
  readonly rows: readonly Row[]
  readonly verdicts: Verdicts
}

function Group({ scenario, rows, verdicts }: GroupProps) {
  const own = rows.filter((row) => row.scenario === scenario)
  if (own.length === 0) return null
  const style = byField.value
  return (
    <tbody>
      {everyField.value && (
        <tr class="group">
          <th scope="rowgroup" colSpan={exhibitNames.length + 1}>
            {scenario}
          </th>
        </tr>
      )}
      {own.map((row) => (
        <Fragment key={row.clause.id}>
          <ClauseRow {...row} />
          {style !== '' && scenario === scenarioField.value && row.clause.id === clauseField.value && (
            <tr class="detail-row">
              <td colSpan={exhibitNames.length + 1}>
                <Detail style={style} clause={row.clause} judged={verdicts.judged(style, scenario)} />
              </td>
            </tr>
          )}
        </Fragment>
      ))}
    </tbody>
  )
}

function ClauseRow({ scenario, clause, verdicts }: Row) {
  return (
    <tr>
      <th scope="row">
        {words(clause.title)} <small>{clause.id}</small>
      </th>
      {exhibitNames.map((style, index) => (
        <VerdictCell
          key={style}
          verdict={verdicts[index]}
          scenario={scenario}
          clause={clause.id}
          style={style}
        />
      ))}
    </tr>
  )
}

interface VerdictCellProps {
  readonly verdict: Verdict | undefined
  readonly scenario: ScenarioName
  readonly clause: string
  readonly style: ExhibitName
}

/** Once more, it closes what it has opened. */
function VerdictCell({ verdict, scenario, clause, style }: VerdictCellProps) {
  const isShown = byField.value === style && clauseField.value === clause && scenarioField.value === scenario
  const [kind, sign, word] = !verdict
    ? ['none', '–', 'not judged']
    : verdict.held
      ? ['held', '✓', 'held']
      : ['failed', '✗', 'fails']
  return (
    <td class={kind}>
      <a
        class="verdict"
        href={
          isShown
            ? hrefWith({ clause: null, by: null })
            : `${hrefWith({ scenario, clause, by: style })}#verdict`
        }
        aria-label={`${word}: ${style}, ${scenario}, ${clause}`}
        aria-current={isShown ? 'true' : undefined}
      >
        <span class="of">
          <Marker style={style} /> {style}{' '}
        </span>
        {sign} {verdict && word}
      </a>
    </td>
  )
}
