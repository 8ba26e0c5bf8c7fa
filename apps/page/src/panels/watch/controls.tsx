/** What is asked of the run. Without JavaScript it is a form that sends itself, and the runs are links. */
import type { ComponentChildren } from 'preact'
import type { Field } from '../../address.ts'
import { scenarioField, stylesField } from '../../choice.ts'
import {
  DELAY_LIMIT_MS,
  type Parameter,
  abortMsField,
  dbFaultField,
  dbMsField,
  httpFaultField,
  httpMsField,
  ownParameters,
  parameters,
  runQuery,
} from '../../parameters.ts'
import { leaveMsField } from './fields.ts'
import { isRunning, leave, methodOf, run } from './run.ts'

export function Controls() {
  const scenario = scenarioField.value
  return (
    <form
      class="controls"
      method="get"
      action="/"
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        run()
      }}
    >
      <input type="hidden" name="tab" value="watch" />
      <input type="hidden" name="scenario" value={scenario} />
      <input type="hidden" name="styles" value={stylesField.value.join()} />
      <Group title="Database">
        <Delay label="Query takes" field={dbMsField} />
        <Fault label="and fails" field={dbFaultField} />
      </Group>
      <Group title="HTTP">
        <Delay label="Answer takes" field={httpMsField} />
        <Fault label="and is 503" field={httpFaultField} />
      </Group>
      <Group title="Before it ends">
        <Delay label="Client leaves after" field={leaveMsField} never />
        <Delay label="Aborted after" field={abortMsField} never />
      </Group>
      <Group title={scenario}>
        {ownParameters(scenario).map(([name, fallback]) => (
          <Own key={`${scenario} ${name}`} parameter={parameters[name]} fallback={fallback} />
        ))}
      </Group>
      <div class="buttons">
        <button class="primary scripted-only">Run</button>
        <button class="unscripted-only">Set</button>
        <button type="button" class="scripted-only" disabled={!isRunning()} onClick={leave}>
          Client leaves
        </button>
      </div>
      {methodOf(scenario) === 'GET' && (
        <ul class="unscripted-only" aria-label="Run it">
          {stylesField.value.map((style) => (
            <li key={style}>
              <a href={`/api/run/${scenario}?${runQuery(scenario)}&style=${style}&trace=true`}>
                Run it in {style}, and see its calls as JSON
              </a>
            </li>
          ))}
        </ul>
      )}
    </form>
  )
}

function Group({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <fieldset>
      <legend>{title}</legend>
      {children}
    </fieldset>
  )
}

/** `never`: 0 is no delay, but that it does not happen. */
function Delay({
  label,
  field,
  never = false,
}: {
  readonly label: string
  readonly field: Field<number>
  readonly never?: boolean
}) {
  const shown = () => (never && field.value === 0 ? '' : String(field.value))
  return (
    <label>
      {label}
      <span class="value">
        <input
          type="number"
          name={field.name}
          min="0"
          max={DELAY_LIMIT_MS}
          step="50"
          placeholder={never ? 'never' : undefined}
          value={shown()}
          onChange={(event) => {
            const value = event.currentTarget.valueAsNumber
            field.value = Math.min(DELAY_LIMIT_MS, Math.max(0, Math.round(value) || 0))
            // Nothing is drawn again where the field is as it was.
            event.currentTarget.value = shown()
          }}
        />{' '}
        ms
      </span>
    </label>
  )
}

function Fault({ label, field }: { readonly label: string; readonly field: Field<'none' | 'fail'> }) {
  return (
    <label class="check">
      <input
        type="checkbox"
        name={field.name}
        value="fail"
        checked={field.value === 'fail'}
        onChange={(event) => (field.value = event.currentTarget.checked ? 'fail' : 'none')}
      />
      {label}
    </label>
  )
}

/** What cannot be, the server says. */
function Own({ parameter, fallback }: { readonly parameter: Parameter; readonly fallback: string }) {
  const { label, unit, range, field } = parameter
  const value = field.value || fallback
  const set = (text: string) => (field.value = text === fallback ? '' : text)
  return (
    <label>
      {label}
      <span class="value">
        {range ? (
          <input
            type="number"
            class={range[1] > DELAY_LIMIT_MS ? 'long' : undefined}
            name={field.name}
            // Steps are counted from the least.
            min={unit === 'ms' ? 0 : range[0]}
            max={range[1]}
            step={unit === 'ms' ? 50 : 1}
            value={value}
            onChange={(event) => set(event.currentTarget.value)}
          />
        ) : (
          <input
            type="text"
            class="words"
            name={field.name}
            value={value}
            onChange={(event) => set(event.currentTarget.value)}
          />
        )}
        {unit && ` ${unit}`}
      </span>
    </label>
  )
}
