/** What a speaker has thirty seconds for. */
import type { ScenarioName } from '@overlap/workload'
import { hrefWith } from '../../address.ts'
import {
  abortMsField,
  dbFaultField,
  dbMsField,
  httpFaultField,
  httpMsField,
  parameters,
} from '../../parameters.ts'
import { leaveMsField } from './fields.ts'
import { run } from './run.ts'

interface Preset {
  readonly title: string
  readonly scenario: ScenarioName
  readonly styles: string
  readonly fields: Readonly<Record<string, string>>
}

const both = 'promises,naive'

const presets: readonly Preset[] = [
  {
    title: 'HTTP fails after 100 ms, the query takes 2 s: what goes on running?',
    scenario: 'combine',
    styles: both,
    fields: { dbMs: '2000', httpMs: '100', httpFault: 'fail' },
  },
  {
    title: 'The client leaves after 300 ms',
    scenario: 'combine',
    styles: both,
    fields: { dbMs: '2000', httpMs: '1000', leaveMs: '300' },
  },
  {
    title: 'Nobody waits longer than 500 ms: timeout',
    scenario: 'timeout',
    styles: both,
    fields: { dbMs: '2000', httpMs: '1000', ms: '500' },
  },
  {
    title: 'The slow replica loses: hedge',
    scenario: 'hedge',
    styles: both,
    fields: { replicaMs: '2000,400,800', delayMs: '100' },
  },
  {
    title: 'Three products, two at a time, in all five styles',
    scenario: 'limit',
    styles: 'callbacks,promises,generators,observables,effect',
    fields: { skus: 'A-1,A-2,A-3', limit: '2', dbMs: '300', httpMs: '500' },
  },
]

/** Every field that a preset says nothing about is as it is by default. */
const untouched = Object.fromEntries(
  [
    dbMsField,
    httpMsField,
    dbFaultField,
    httpFaultField,
    abortMsField,
    leaveMsField,
    ...Object.values(parameters).map(({ field }) => field),
  ].map(({ name }) => [name, null]),
)

/** Links, so that they can be copied, and lead somewhere without JavaScript. */
export function Presets() {
  return (
    <ul class="presets" aria-label="Presets">
      {presets.map(({ title, scenario, styles, fields }) => (
        <li key={title}>
          <a
            href={hrefWith({ ...untouched, scenario, styles, ...fields, run: '1' })}
            onClick={(event) => {
              // Once the link has been followed, unless it is in another window.
              if (!event.metaKey && !event.ctrlKey && !event.shiftKey) setTimeout(run)
            }}
          >
            {title}
          </a>
        </li>
      ))}
    </ul>
  )
}
