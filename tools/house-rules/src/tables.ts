/** The tables in the documents that are made from the code, so that they cannot tell anything else. */
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { clauseTable, parseFindings } from '@overlap/conformance'
import {
  ClosedError,
  type ErrorKind,
  type KnownError,
  OutOfStockError,
  OverflowError,
  OverloadedError,
  PictureError,
  SocketError,
  type StyleName,
  TimeoutError,
  UnknownSkuError,
  WorkerError,
  errorKinds,
  kindsByCode,
  kindsByStatus,
  scenarios,
  styleNames,
} from '@overlap/workload'
import { linesOf } from './lines-of.ts'
import { type Table, toTable } from './markdown.ts'
import { read, root } from './sources.ts'

/** The files of a style that are neither a scenario nor the lift, the adapter or the index. */
export const besides: Readonly<Record<StyleName, readonly string[]>> = {
  callbacks: [],
  promises: ['scope', 'sleep', 'first-success'],
  generators: ['operation', 'first-success'],
  observables: ['first-success'],
  effect: ['first-success'],
}

export const tables = {
  matrix: { file: 'README.md', name: 'matrix', make: matrix },
  errors: { file: 'packages/workload/README.md', name: 'errors', make: errors },
  /** Compared with its document in the suite's own tests, which find out all the same. */
  clauses: { file: 'docs/clauses.md', name: 'clauses', make: clauses },
  /** Likewise, in the tests that run what stands in it. */
  faults: { file: 'docs/reliability.md', name: 'faults', make: faults },
  /** Likewise, in the naive version's own tests. */
  naive: { file: 'packages/naive/README.md', name: 'naive', make: naive },
} as const satisfies Readonly<Record<string, Table>>

/** Scenario × style: lines of code, each a link to the file. */
function matrix(): string {
  const cell = (style: StyleName, file: string) => {
    const source = `packages/${style}/src/${file}.ts`
    return `[${linesOf(read(source))}](${source})`
  }
  const row = (label: string, file: string) => [label, ...styleNames.map((style) => cell(style, file))]
  return toTable([
    ['', ...styleNames],
    ...scenarios.map(({ name, firstSentence }) => row(`\`${name}\`: ${firstSentence}`, name)),
    row('*the lift*: enters the style', 'backend'),
    row('*the adapter*: leaves the style', 'adapter'),
    [
      '*what it needs besides*',
      ...styleNames.map((style) => besides[style].map((file) => cell(style, file)).join(', ')),
    ],
  ])
}

/** One of each class whose kind is always the same. */
const always: readonly KnownError[] = [
  new UnknownSkuError(''),
  new OutOfStockError('', 0, 0),
  new PictureError(),
  new SocketError(''),
  new TimeoutError(0),
  new OverflowError(0),
  new OverloadedError(''),
  new ClosedError(),
  new WorkerError(),
]

/** What follows from an error's kind, and the errors that are of it. */
function errors(): string {
  const quote = (text: unknown) => `\`${String(text)}\``
  const keysOf = (kinds: ReadonlyMap<unknown, ErrorKind>, kind: ErrorKind) =>
    [...kinds].flatMap(([key, each]) => (each === kind ? [key] : []))
  const those = (kind: ErrorKind) => {
    const names = always.filter((error) => error.kind === kind).map(({ name }) => quote(name))
    // A class of SQLSTATE is two characters long.
    const codes = keysOf(kindsByCode, kind).map((code) => quote(String(code).padEnd(3, '…')))
    const statuses = keysOf(kindsByStatus, kind)
    return [
      ...names,
      ...(codes.length > 0 ? [`\`DatabaseError\` or \`HttpError\` with the code ${codes.join(', ')}`] : []),
      ...(statuses.length > 0 ? [`\`HttpError\` with the status ${statuses.join(', ')}`] : []),
      ...(kind === 'permanent' ? ['`DatabaseError` or `HttpError` with any other, or with none'] : []),
      ...(kind === 'defect' ? ['whatever else is thrown'] : []),
    ].join('; ')
  }
  // A cast, because the keys of an object are any text to TypeScript.
  const kinds = Object.keys(errorKinds) as ErrorKind[]
  return toTable([
    ['kind', 'means', 'tried again', 'status', 'errors'],
    ...kinds.map((kind) => {
      const { means, retriable, status } = errorKinds[kind]
      return [`_${kind}_`, means, retriable ? 'yes' : 'no', String(status), those(kind)]
    }),
  ])
}

/** What the wrong styles fail; it takes some seconds to find out. */
function clauses(): string {
  return clauseTable(parseFindings(run('packages/conformance/src/wrong-styles.main.ts')))
}

/** What goes wrong, and what becomes of it. */
function faults(): string {
  return run('apps/demo-server/test/faults.main.ts').trim()
}

/** What the suite says of the naive version. */
function naive(): string {
  return run('packages/naive/test/verdicts.main.ts').trim()
}

/** What a program of ours prints. */
function run(main: string): string {
  return execFileSync(process.execPath, [path.join(root, main)], { encoding: 'utf8' })
}
