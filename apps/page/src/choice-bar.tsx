/** Chooses the scenario and the styles. Without JavaScript it is a form, and sends itself. */
import { scenarios } from '@overlap/workload'
import { Marker } from './marker.tsx'
import {
  type ExhibitName,
  exhibitNames,
  scenarioField,
  stepScenario,
  stylesField,
  toggleStyle,
} from './choice.ts'

const groups = [...new Set(scenarios.map(({ group }) => group))]

export function Choice({ tab }: { readonly tab: string }) {
  return (
    <form class="choice" method="get" action="/">
      {tab !== 'compare' && <input type="hidden" name="tab" value={tab} />}
      <div class="scenario">
        <label for="scenario">Scenario</label>
        <button
          type="button"
          class="scripted-only"
          aria-label="Scenario before"
          onClick={() => stepScenario(-1)}
        >
          ←
        </button>
        <select
          id="scenario"
          name="scenario"
          value={scenarioField.value}
          onChange={(event) =>
            (scenarioField.value = event.currentTarget.value as typeof scenarioField.value)
          }
        >
          {groups.map((group) => (
            <optgroup key={group} label={group}>
              {scenarios
                .filter((scenario) => scenario.group === group)
                .map(({ name }) => (
                  <option key={name} value={name} selected={name === scenarioField.value}>
                    {name}
                  </option>
                ))}
            </optgroup>
          ))}
        </select>
        <button
          type="button"
          class="scripted-only"
          aria-label="Next scenario"
          onClick={() => stepScenario(1)}
        >
          →
        </button>
      </div>
      <fieldset>
        <legend>Styles</legend>
        {exhibitNames.map((name) => (
          <StyleToggle key={name} name={name} />
        ))}
      </fieldset>
      <button class="unscripted-only">Show</button>
    </form>
  )
}

function StyleToggle({ name }: { readonly name: ExhibitName }) {
  return (
    <label class="chip">
      <input
        type="checkbox"
        name="styles"
        value={name}
        checked={stylesField.value.includes(name)}
        onChange={(event) => {
          toggleStyle(name)
          // The last one stays.
          event.currentTarget.checked = stylesField.value.includes(name)
        }}
      />
      <Marker style={name} />
      {name}
    </label>
  )
}
