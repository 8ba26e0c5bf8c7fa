/** Two things that are easily taken for one: a style for this page's runs, and a style for the server's. */
import { useEffect } from 'preact/hooks'
import { scenarios, styleNames } from '@overlap/workload'
import { field, flag, oneOf } from '../../address.ts'
import { AdminToken } from '../../admin.tsx'
import { type ExhibitName, exhibitNames, scenarioField } from '../../choice.ts'
import { pageData } from '../../data.ts'
import { Marker } from '../../marker.tsx'
import type { Panel } from '../../panel.ts'
import { follow, problem, refresh, switchServer, unknown } from './lanes.ts'
import { hrefOf, isTrying, leave, tries, tryHere } from './tries.ts'
import './swap.css'

const tryField = field('try', oneOf('active', ...exhibitNames), 'active')
const slowField = field('slow', flag, false)

export const swap: Panel = {
  name: 'swap',
  key: 'U',
  title: 'Swap',
  about:
    'Another style for your own runs, or for everybody’s. What runs finishes in the style that it began in.',
  View: Swap,
  choice: false,
  keys: () => [
    { key: 'r', what: 'run here', press: run },
    { key: 'c', what: 'leave the runs that go on', press: () => tries.value.forEach(({ id }) => leave(id)) },
  ],
}

function run() {
  const running = tryHere(scenarioField.value, tryField.value, slowField.value)
  // It has reached the server by then, mostly; if not, the next look finds it.
  setTimeout(() => void refresh(), 150)
  void running.then(() => refresh())
}

function Swap() {
  useEffect(() => follow(isTrying), [])
  return (
    <div class="swap">
      <Here />
      <Everybody />
    </div>
  )
}

function Here() {
  const name = scenarioField.value
  const { runs, activeStyle } = pageData.value
  const isRead = runs[name]?.method === 'GET'
  return (
    <section class="here" aria-labelledby="here">
      <hgroup>
        <h3 id="here">Try here</h3>
        <p class="whom">This page only</p>
      </hgroup>
      <p>Your own runs ask for a style. Nobody else notices.</p>
      <form
        class="scripted-only"
        onSubmit={(event) => {
          event.preventDefault()
          run()
        }}
      >
        <label>
          Scenario{' '}
          <select
            value={name}
            onChange={(event) => {
              scenarioField.value = event.currentTarget.value as typeof scenarioField.value
            }}
          >
            {scenarios.map((scenario) => (
              <option key={scenario.name} value={scenario.name} selected={scenario.name === name}>
                {scenario.name}
              </option>
            ))}
          </select>
        </label>
        <fieldset>
          <legend>In which style</legend>
          {(['active', ...exhibitNames] as const).map((style) => (
            <label key={style} class="chip">
              <input
                type="radio"
                name="try"
                value={style}
                checked={tryField.value === style}
                onChange={() => {
                  tryField.value = style
                }}
              />
              {style === 'active' ? (
                `the server’s (${activeStyle})`
              ) : (
                <>
                  <Marker style={style} /> {style}
                </>
              )}
            </label>
          ))}
        </fieldset>
        <label class="chip">
          <input
            type="checkbox"
            checked={slowField.value}
            onChange={(event) => {
              slowField.value = event.currentTarget.checked
            }}
          />
          slow: each call behind it takes 3 s
        </label>
        <button class="primary">Run {name} here</button>
      </form>
      <p class="unscripted-only">
        {isRead ? (
          <>
            Run {name}:{' '}
            {exhibitNames.map((style) => (
              <a key={style} href={hrefOf(name, style, false)}>
                {style}
              </a>
            ))}
          </>
        ) : (
          <>
            {name} changes something, so it is no link:{' '}
            <code>curl -X POST '…{hrefOf(name, 'effect', false)}'</code>
          </>
        )}
      </p>
      <Tries />
    </section>
  )
}

function Tries() {
  if (tries.value.length === 0) return null
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Your runs">
      <table>
        <caption>Your runs, the newest first</caption>
        <thead>
          <tr>
            <th scope="col">scenario</th>
            <th scope="col">asked for</th>
            <th scope="col">ran in</th>
            <th scope="col" class="number">
              ms
            </th>
            <th scope="col">outcome</th>
          </tr>
        </thead>
        <tbody>
          {tries.value.map(({ id, scenario, asked, ranIn, ms, outcome }) => (
            <tr key={id}>
              <td>{scenario}</td>
              <td>{asked === 'active' ? 'none' : asked}</td>
              <td>{ranIn && <Named style={ranIn} />}</td>
              <td class="number">{ms}</td>
              <td>
                {outcome ?? (
                  <button type="button" onClick={() => leave(id)}>
                    Leave it
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Everybody() {
  const { lanes, activeStyle } = pageData.value
  return (
    <section class="everybody" aria-labelledby="everybody">
      <hgroup>
        <h3 id="everybody">Switch the server</h3>
        <p class="whom">Everybody</p>
      </hgroup>
      <p>
        Every run that asks for no style, whoever sends it, begins in <strong>{activeStyle}</strong> now.
      </p>
      <form
        class="scripted-only"
        onSubmit={(event) => {
          event.preventDefault()
          const chosen = new FormData(event.currentTarget).get('server')
          const style = styleNames.find((name) => name === chosen)
          if (style) void switchServer(style)
        }}
      >
        <fieldset>
          <legend>To which style</legend>
          {styleNames.map((style) => (
            <label key={style} class="chip">
              <input type="radio" name="server" value={style} defaultChecked={style === activeStyle} />
              <Marker style={style} /> {style}
            </label>
          ))}
        </fieldset>
        <button class="warning">Switch for everybody</button>
      </form>
      <p class="unscripted-only">
        <code>curl -X PUT -H 'content-type: application/json' -d '{'{"style":"effect"}'}' …/api/style</code>
      </p>
      <AdminToken />
      {problem.value && (
        <p class="notice" role="alert">
          {problem.value}
        </p>
      )}
      {unknown.value && (
        <p class="notice" role="status">
          What runs now is not known: the server does not answer. This is what it told last.
        </p>
      )}
      <div class="scroll" tabIndex={0} role="region" aria-label="What runs in which style">
        <table class="lanes">
          <caption>What runs now</caption>
          <thead>
            <tr>
              <th scope="col">style</th>
              <th scope="col">state</th>
              <th scope="col" class="number">
                runs
              </th>
              <th scope="col" class="number">
                drains
              </th>
            </tr>
          </thead>
          <tbody>
            {lanes.styles.map(({ name, running, draining }) => (
              <tr key={name} class={name === activeStyle ? 'active' : undefined}>
                <th scope="row">
                  <Named style={name} />
                </th>
                <td>{name === activeStyle ? '● active' : draining > 0 ? '◐ draining' : '○ on request'}</td>
                <td class="number">{running}</td>
                <td class="number">{draining}</td>
              </tr>
            ))}
            {lanes.exhibits.map(({ name, running }) => (
              <tr key={name}>
                <th scope="row">
                  <Named style={name} />
                </th>
                <td>○ on request</td>
                <td class="number">{running}</td>
                <td class="number">–</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="fine">
        Drains: of its runs, those that it got while it was the active style and has still to finish.
      </p>
    </section>
  )
}

function Named({ style }: { readonly style: string }) {
  const known = exhibitNames.find((name): name is ExhibitName => name === style)
  return (
    <>
      {known && <Marker style={known} />} {style}
    </>
  )
}
