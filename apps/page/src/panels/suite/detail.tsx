/** One verdict: what was seen, the seed that shows it again, and the test itself. */
import { useEffect, useRef } from 'preact/hooks'
import { hrefWith } from '../../address.ts'
import { type ExhibitName, scenarioField } from '../../choice.ts'
import { suiteFileOf } from '../../code.ts'
import type { Clause } from '../../exhibit.ts'
import { Marker } from '../../marker.tsx'
import { extentOf } from './table.ts'
import { timeOf, words } from './tell.ts'
import type { Judged } from './state.ts'

interface DetailProps {
  readonly style: ExhibitName
  readonly clause: Clause
  /** The scenario's verdicts in the style, if there are any. */
  readonly judged: Judged | undefined
}

export function Detail({ style, clause, judged }: DetailProps) {
  const verdict = judged?.clauses.find((one) => one.clause === clause.id)
  const outcome = !verdict ? 'has not been judged' : verdict.held ? 'holds it' : 'fails it'
  return (
    <article class="detail" id="verdict" aria-labelledby="verdict-title">
      <header>
        <h3 id="verdict-title">
          <Marker style={style} /> {style} {outcome}
        </h3>
        <a class="close" href={hrefWith({ clause: null, by: null })}>
          Close
        </a>
      </header>
      <p>
        <code>{scenarioField.value}</code> · {clause.id}: {words(clause.title)}
      </p>
      {judged && verdict && (
        <p class="fine">
          Judged at {timeOf(judged.judgedAt)}, in {verdict.ms} ms.
          {judged.changed && ' The sources have changed since.'}
        </p>
      )}
      {verdict?.message && <pre class="message">{verdict.message}</pre>}
      {verdict?.seed !== undefined && (
        <p>
          The random walk that found it: seed <code>{verdict.seed}</code>, path <code>{verdict.path}</code>
        </p>
      )}
      <Source clause={clause} />
    </article>
  )
}

/** The file, at the clause. */
function Source({ clause: { file: name, line } }: { readonly clause: Clause }) {
  const file = suiteFileOf(name)
  const box = useRef<HTMLPreElement>(null)
  useEffect(() => {
    const marked = box.current?.querySelector<HTMLElement>('#clause')
    // Within the box alone: the page stays where the reader has it.
    if (box.current && marked) box.current.scrollTop = marked.offsetTop - box.current.offsetTop - 48
  }, [file, line])
  if (!file) return <p role="status">The test is being loaded.</p>
  const plain = file.lines.map((html) => html.replaceAll(/<[^>]*>/g, ''))
  const { from, to } = extentOf(plain, line)
  return (
    <>
      <p class="source">
        The test: <a href={`/api/source/suite/${name}`}>{file.path}</a>, <a href="#clause">line {line}</a>
      </p>
      <pre ref={box} class="code lines" tabIndex={0} role="region" aria-label="The test">
        <code>
          {file.lines.map((html, index) => {
            const number = index + 1
            return (
              <span
                key={number}
                id={number === from ? 'clause' : undefined}
                class={number >= from && number <= to ? 'marked' : undefined}
                dangerouslySetInnerHTML={{ __html: `${html}\n` }}
              />
            )
          })}
        </code>
      </pre>
    </>
  )
}
