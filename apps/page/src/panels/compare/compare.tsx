/** The real files side by side. The same idea begins at the same height in all of them. */
import type { ExhibitName } from '../../choice.ts'
import { currentScenario, stylesField } from '../../choice.ts'
import { field, hrefWith, someOf } from '../../address.ts'
import { code, exhibitOf, framesOf } from '../../code.ts'
import { pageData } from '../../data.ts'
import type { CodeFile } from '../../exhibit.ts'
import { parts } from '../../exhibit.ts'
import { Marker } from '../../marker.tsx'
import type { Panel } from '../../panel.ts'
import './compare.css'

const extras = ['clauses', 'frames', 'naive'] as const
type Extra = (typeof extras)[number]

const showField = field('show', someOf(...extras), [])

const says: Readonly<Record<Extra, string>> = {
  clauses: 'what the suite asks of it',
  frames: 'the lift and the adapter',
  naive: 'the version on the slides',
}

export const showsFrames = () => showField.value.includes('frames')

export const compare: Panel = {
  name: 'compare',
  key: 'C',
  title: 'Compare',
  about:
    'The files that run, side by side: the same job, the same order of ideas, and only the style differs.',
  View: Compare,
  choice: true,
  keys: () => [
    { key: 'a', what: says.clauses, press: () => toggle('clauses') },
    { key: 'f', what: says.frames, press: () => toggle('frames') },
    { key: 'x', what: says.naive, press: () => toggle('naive') },
  ],
}

function toggle(extra: Extra) {
  const shown = showField.value
  showField.value = extras.filter((one) => shown.includes(one) !== (one === extra))
}

function Compare() {
  const { name, firstSentence, origin, group } = currentScenario()
  const exhibit = exhibitOf(name)
  const chosen = stylesField.value
  const shown =
    showField.value.includes('naive') && !chosen.includes('naive') ? [...chosen, 'naive' as const] : chosen
  return (
    <>
      <header class="subject">
        <h3>{sentence(firstSentence)}</h3>
        <p>
          <code>{name}</code> · {group} · {sentence(origin)}
        </p>
        <p class="extras" role="group" aria-label="Show besides">
          Show besides:
          {extras.map((extra) => (
            <Toggle key={extra} extra={extra} />
          ))}
        </p>
      </header>
      {showField.value.includes('clauses') && <Clauses />}
      {exhibit ? (
        <div class={`files columns-${shown.length}`}>
          {shown.map((style) => (
            <File key={style} style={style} file={exhibit[style]} runHref={runHrefOf(name, style)} />
          ))}
        </div>
      ) : (
        <p role="status">The code is being loaded.</p>
      )}
      {showsFrames() && <FrameFiles styles={shown} />}
    </>
  )
}

/** What changes something is no link. */
function runHrefOf(scenario: string, style: ExhibitName): string | undefined {
  const run = pageData.value.runs[scenario]
  return run?.method === 'GET' ? `/api/run/${scenario}?style=${style}${run.query}` : undefined
}

/** Its backquotes are code. */
function sentence(text: string) {
  return text.split('`').map((piece, index) => (index % 2 === 1 ? <code key={index}>{piece}</code> : piece))
}

/** A link, so that it works without JavaScript. */
function Toggle({ extra }: { readonly extra: Extra }) {
  const isShown = showField.value.includes(extra)
  const next = extras.filter((one) => showField.value.includes(one) !== (one === extra))
  return (
    <a
      class="toggle"
      href={hrefWith({ show: next.join(',') || null })}
      aria-current={isShown ? 'true' : undefined}
    >
      {isShown ? '✓ ' : ''}
      {says[extra]}
    </a>
  )
}

function Clauses() {
  const { name } = currentScenario()
  return (
    <details open class="clauses">
      <summary>The suite asks of {name}, in every style, that it</summary>
      <ol>
        {code.value.clauses?.[name]?.map(({ id, title }) => (
          <li key={id}>{sentence(title)}</li>
        ))}
      </ol>
      <p>
        <a href={hrefWith({ tab: 'suite' })}>How each style did</a>
      </p>
    </details>
  )
}

interface FileProps {
  readonly style: ExhibitName
  readonly file: CodeFile | undefined
  /** What runs it. */
  readonly runHref?: string | undefined
}

function File({ style, file, runHref }: FileProps) {
  if (!file) return null
  return (
    <article class={`file ${style}`} aria-label={style}>
      <h4>
        <Marker style={style} /> {style}{' '}
        <small>
          {file.lines} lines{style === 'naive' ? ' · fails the suite' : ''}
        </small>
      </h4>
      <div class="code">
        {parts.map((part) => (
          <pre key={part} class={part}>
            <code dangerouslySetInnerHTML={{ __html: file.parts[part] }} />
          </pre>
        ))}
      </div>
      <p class="path">
        {file.path}
        {runHref && (
          <>
            {' · '}
            <a href={runHref}>run it</a>
          </>
        )}
      </p>
    </article>
  )
}

function FrameFiles({ styles }: { readonly styles: readonly ExhibitName[] }) {
  const frames = framesOf()
  if (!frames) return <p role="status">The lift and the adapter are being loaded.</p>
  return (
    <>
      {(['lift', 'adapter'] as const).map((kind) => (
        <section key={kind}>
          <h3>
            {kind === 'lift'
              ? 'The lift: how the port becomes the style’s own'
              : 'The adapter: how the style’s own becomes what the suite and the server call'}
          </h3>
          <div class={`files columns-${styles.length}`}>
            {styles.map((style) => (
              <File key={style} style={style} file={frames[style]?.[kind]} />
            ))}
          </div>
        </section>
      ))}
    </>
  )
}
