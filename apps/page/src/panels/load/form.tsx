/** What the load is to be like: how its requests come, and how long the two answers take. */
import { loadLimits, loadableScenarios } from '@overlap/load/order'
import type { Field } from '../../address.ts'
import { adminToken } from '../../ask-server.ts'
import { scenarioField, stylesField } from '../../choice.ts'
import {
  connectionsField,
  dbMsField,
  httpMsField,
  modelField,
  ranges,
  rateField,
  secondsField,
} from './fields.ts'
import { isLoadable, isRunning, paused, problem, shown, starting, toggle, togglePause } from './live.ts'
import { wantsToken } from './server.ts'

const says = {
  closed:
    'Each connection sends its next request when the last one has been answered. That finds the most that a server can do, and no overload: a slow server is asked less often, so the times leave out whoever would have come meanwhile.',
  open: 'Requests are sent at a rate, answered or not those before, and the time of each counts from when it was due. So a server that stalls cannot hide it by not being asked meanwhile (coordinated omission).',
} as const

/** What the button does. */
export function press(): void {
  if (isRunning()) toggle()
  else document.querySelector<HTMLFormElement>('.load-form')?.requestSubmit()
}

export function Form() {
  const { seconds, connections, perSecond } = loadLimits
  return (
    <form
      class="load-form scripted-only"
      onSubmit={(event) => {
        event.preventDefault()
        toggle()
      }}
    >
      <fieldset class="models">
        <legend>How requests come</legend>
        {(['closed', 'open'] as const).map((model) => (
          <label key={model}>
            <input
              type="radio"
              name="loadModel"
              value={model}
              checked={modelField.value === model}
              onChange={() => (modelField.value = model)}
            />
            <span>
              <strong>
                {model === 'closed' ? 'Closed: so many at a time' : 'Open: so many in a second'}
              </strong>
              <span class="hint">{says[model]}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <div class="numbers">
        {modelField.value === 'closed' ? (
          <NumberField field={connectionsField} name="loadConnections" label="Connections" />
        ) : (
          <NumberField field={rateField} name="loadRate" label="Requests in a second" />
        )}
        <NumberField field={secondsField} name="loadSeconds" label="Seconds, for all styles" />
        <NumberField field={dbMsField} name="loadDbMs" label="The query takes, ms" />
        <NumberField field={httpMsField} name="loadHttpMs" label="The service takes, ms" />
      </div>
      {wantsToken.value && (
        <p>
          <label>
            Admin token{' '}
            <input
              type="password"
              autocomplete="off"
              value={adminToken.value}
              onInput={(event) => (adminToken.value = event.currentTarget.value)}
            />
          </label>
        </p>
      )}
      <p class="buttons">
        <button
          class="primary"
          formNoValidate={isRunning()}
          disabled={starting.value || (!isLoadable() && !isRunning())}
        >
          {isRunning() ? 'Stop' : starting.value ? 'Trying one run of each style …' : 'Start the load'}
        </button>
        <button type="button" aria-pressed={paused.value} disabled={!shown.value} onClick={togglePause}>
          {paused.value ? 'Go on showing' : 'Pause the charts'}
        </button>
        <span class="hint">
          {stylesField.value.length > 1
            ? 'The styles are loaded in turn, in slices of about a second, because two at the same time would slow down each other.'
            : 'Choose more styles above to compare them: they are loaded in turn.'}{' '}
          At most {seconds} s, {connections.toLocaleString('en')} connections and{' '}
          {perSecond.toLocaleString('en')} requests in a second, from a process of its own.
        </span>
      </p>
      {!isLoadable() && (
        <p class="notice" role="status">
          <code>{scenarioField.value}</code> answers many times, or changes something, and cannot be loaded.
          These can: {loadableScenarios.join(', ')}.
        </p>
      )}
      {problem.value && (
        <p class="notice" role="alert">
          {problem.value}
        </p>
      )}
    </form>
  )
}

interface NumberFieldProps {
  readonly field: Field<number>
  readonly name: keyof typeof ranges
  readonly label: string
}

/** What is no number of its range changes nothing, and the browser says so. */
function NumberField({ field, name, label }: NumberFieldProps) {
  const [min, max] = ranges[name]
  return (
    <label>
      {label}
      <input
        type="number"
        name={name}
        min={min}
        max={max}
        step={1}
        required
        value={field.value}
        onInput={({ currentTarget }) => {
          if (currentTarget.validity.valid) field.value = currentTarget.valueAsNumber
        }}
      />
    </label>
  )
}
