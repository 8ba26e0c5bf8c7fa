/** What a run does: its calls on one time axis, in all styles at once, to the end of the last of them. */
import { useEffect } from 'preact/hooks'
import { scenarioField, stylesField } from '../../choice.ts'
import type { Panel } from '../../panel.ts'
import { Controls } from './controls.tsx'
import { runField } from './fields.ts'
import { Legend } from './legend.tsx'
import { Presets } from './presets.tsx'
import { isRunning, lanes, leave, methodOf, run, subject, trouble, verdict } from './run.ts'
import { save } from './save-svg.ts'
import { Calls, Runs } from './tables.tsx'
import './watch.css'
import { Waterfall } from './waterfall.tsx'
import { summaryOf } from './words.ts'

export const watch: Panel = {
  name: 'watch',
  key: 'W',
  title: 'Watch',
  about:
    'One scenario in several styles at once: what waits, what overlaps, and what goes on after the result.',
  View: Watch,
  choice: true,
  keys: () => [
    { key: 'r', what: 'run', press: run },
    { key: 'c', what: 'leave, as a client does', press: leave },
    { key: 's', what: 'save the picture for a slide', press: savePicture },
  ],
}

/** So many connections a browser has to one server, and one of them listens. */
const AT_ONCE = 5

function Watch() {
  useEffect(() => {
    const isSafe = methodOf(scenarioField.value) === 'GET'
    if (runField.value && isSafe && lanes.value.length === 0) run()
  }, [])
  return (
    <div class="watch">
      <Presets />
      <Controls />
      {stylesField.value.length > AT_ONCE && (
        <p class="hint scripted-only">
          A browser has six connections to a server, and one of them listens: the sixth style begins when
          another has ended. Each has its own zero.
        </p>
      )}
      {trouble.value && (
        <p class="notice" role="alert">
          {trouble.value}
        </p>
      )}
      <p class="said" role="status">
        {verdict.value}
      </p>
      {lanes.value.length > 0 ? <Picture /> : <Empty />}
    </div>
  )
}

function Empty() {
  return (
    <p class="empty scripted-only">
      Press <kbd>r</kbd> to run {scenarioField.value}, or choose one of the above.
    </p>
  )
}

function Picture() {
  const { value } = subject
  if (!value) return null
  return (
    <>
      <section class="picture" aria-label="The waterfall">
        <header>
          <h3>
            {value.scenario} <small>{summaryOf(value, lanes.value)}</small>
          </h3>
          <button type="button" disabled={isRunning()} onClick={savePicture}>
            Save as SVG
          </button>
        </header>
        <Waterfall />
        <Legend lanes={lanes.value} />
      </section>
      <Runs lanes={lanes.value} />
      <Calls lanes={lanes.value} />
    </>
  )
}

function savePicture() {
  const svg = document.querySelector<SVGSVGElement>('.waterfall svg')
  const { value } = subject
  if (!svg || !value) return
  save(svg, `${value.scenario}: ${summaryOf(value, lanes.value)}`, `overlap-${value.scenario}.svg`)
}
