/**
 * The talks' measurements, and what must come back of them here: the shape, which is a ratio, and never the time. They
 * were made in 2013 to 2017 in Python (Tornado, asyncio), of two calls: `SELECT 42, pg_sleep(0.300)` in Postgres, and a
 * service on the same machine that answers after 300 ms. It runs in a browser, too.
 */

export type ExperimentId =
  | 'E1'
  | 'E2'
  | 'E3'
  | 'E4'
  | 'E5'
  | 'E6'
  | 'E7'
  | 'E8'
  | 'E9'
  | 'E10'
  | 'E11'
  | 'E12'
  | 'E13'
  | 'E14'

export interface Ratio {
  /** Of what to what. */
  readonly of: string
  readonly theirs: number
  /** It is not the talks', who measured no such two, but that of arithmetic. */
  readonly byArithmetic?: true
  /**
   * When it holds. `about`: within 15 % of theirs. `above 1`: how much more depends on the language or the machine, and
   * the point does not.
   */
  readonly holds: 'about' | 'above 1'
}

export interface Experiment {
  readonly id: ExperimentId
  readonly what: string
  /** What the talks measured. */
  readonly theirs: string
  /** The least that it can be, by arithmetic. */
  readonly floor: string | null
  readonly point: string
  /** How it is run here. */
  readonly ours: string
  /** `null`: there is nothing to compare a time with, or it is an order that must come back. */
  readonly ratio: Ratio | null
  /** How long it takes here, about. */
  readonly seconds: number
}

/** What was measured when one of them was run. */
export interface ExperimentResult {
  readonly id: ExperimentId
  readonly parts: readonly { readonly label: string; readonly seconds: number }[]
  /** What came back that is no time. */
  readonly note: string | null
  readonly ratio: number | null
  /** Theirs. */
  readonly expected: number | null
  /** Whether the shape has come back; `null`: there is none. */
  readonly held: boolean | null
}

const TOLERANCE = 0.15

export function isHeld({ theirs, holds }: Ratio, ours: number): boolean {
  return holds === 'above 1' ? ours > 1 : Math.abs(ours / theirs - 1) <= TOLERANCE
}

const twenty = '20 requests, 10 at a time'

export const experiments: readonly Experiment[] = [
  {
    id: 'E1',
    what: 'Hello world: 10,000 requests, 100 at a time',
    theirs: '6.706 s (1,491 requests/s)',
    floor: null,
    point: 'The price of the server alone.',
    ours: '`/livez`, 10,000 requests, 100 at a time',
    ratio: null,
    seconds: 2,
  },
  {
    id: 'E2',
    what: `A database call that blocks the event loop: ${twenty}`,
    theirs: '6.201 s',
    floor: '6.0 s',
    point: 'One blocking call makes everybody wait for everybody.',
    ours: `a server in a process of its own, whose event loop stands still (\`Atomics.wait\`) until a worker thread has the answer: ${twenty}`,
    ratio: { of: 'time / floor', theirs: 6.201 / 6, holds: 'about' },
    seconds: 7,
  },
  {
    id: 'E3',
    what: `The same database call, asynchronous: ${twenty}`,
    theirs: '0.622 s',
    floor: '0.6 s',
    point: 'Ten calls wait at the same time.',
    ours: `that server, blocking and then not: ${twenty}`,
    ratio: { of: 'E2 / E3', theirs: 6.201 / 0.622, holds: 'about' },
    seconds: 8,
  },
  {
    id: 'E4',
    what: `Database, then HTTP, with callbacks: ${twenty}`,
    theirs: '1.260 s',
    floor: '1.2 s',
    point: 'Waits add up.',
    ours: `\`sequence\` in callbacks: ${twenty}`,
    ratio: { of: 'time / floor', theirs: 1.26 / 1.2, holds: 'about' },
    seconds: 2,
  },
  {
    id: 'E5',
    what: `Database, then HTTP, with generators: ${twenty}`,
    theirs: '1.281 s',
    floor: '1.2 s',
    point: 'The style changes the text, not the time.',
    ours: `\`sequence\` in callbacks, and in generators: ${twenty}`,
    ratio: { of: 'E5 / E4', theirs: 1.281 / 1.26, holds: 'about' },
    seconds: 3,
  },
  {
    id: 'E6',
    what: `Both at the same time: ${twenty}`,
    theirs: '0.663 s',
    floor: '0.6 s',
    point: 'Waits overlap.',
    ours: `\`sequence\` and \`combine\`, both in callbacks: ${twenty}`,
    ratio: { of: 'E4 / E6', theirs: 1.26 / 0.663, holds: 'about' },
    seconds: 3,
  },
  {
    id: 'E7',
    what: `Both at the same time, with async/await: ${twenty}`,
    theirs: '0.706 s',
    floor: '0.6 s',
    point: 'Again, the style changes the text.',
    ours: `\`combine\` in callbacks, and in promises: ${twenty}`,
    ratio: { of: 'E7 / E6', theirs: 0.706 / 0.663, holds: 'about' },
    seconds: 2,
  },
  {
    id: 'E8',
    what: 'At most 2 at a time of the requests whose header Foo is bar; the service takes 1 s; 10 requests at once',
    theirs: 'bar 5.055 s, baz 1.045 s',
    floor: '5.0 s, 1.0 s',
    point: 'A limit by key holds back one key, and nobody else.',
    ours: '`combine` in the active style, 10 requests at once with `Foo: bar`, and with `Foo: baz`',
    ratio: { of: 'bar / baz', theirs: 5.055 / 1.045, holds: 'about' },
    seconds: 7,
  },
  {
    id: 'E9',
    what: '10,000 calls of a function that does nothing: plain, and through the event loop',
    theirs: '0.087 s, 0.452 s',
    floor: null,
    point: 'Asynchronous is not faster.',
    ours: 'a call of the port that answers in the next turn of the event loop, in each style; the ratio is that of the fastest',
    ratio: { of: 'through the loop / plain', theirs: 0.452 / 0.087, holds: 'above 1' },
    seconds: 2,
  },
  {
    id: 'E10',
    what: '10 pages, the picture of each, 5 thumbnails of each: one by one, and overlapped',
    theirs: '9.722 s, 4.139 s',
    floor: null,
    point: 'Work of the processor hides behind waiting.',
    ours: '`thumbnails` in the active style, with `limit` 1, and 4',
    ratio: { of: 'one by one / overlapped', theirs: 9.722 / 4.139, holds: 'above 1' },
    seconds: 10,
  },
  {
    id: 'E11',
    what: 'The trap: 10 × 1 s awaited in a loop, and started together',
    theirs: '10.137 s, about 1 s',
    floor: '10.0 s, 1.0 s',
    point: 'A loop that awaits runs one after the other, and looks as if it did not.',
    ours: '`limit` in the active style, 10 products of 1 s each, with `limit` 1, and 10',
    ratio: { of: 'in a loop / together', theirs: 10.137, holds: 'about' },
    seconds: 12,
  },
  {
    id: 'E12',
    what: 'Stop about 100 jobs without cutting off the work in progress',
    theirs: '–',
    floor: 'the longest job',
    point: 'To stop in order takes as long as the longest job, and no job is lost.',
    ours: '`shutdown` in the active style: 100 products of 1 s, closed after 0.1 s',
    ratio: { of: 'time / longest job', theirs: 1, byArithmetic: true, holds: 'about' },
    seconds: 2,
  },
  {
    id: 'E13',
    what: 'A slow, a fast, a middling and a fast client, at once',
    theirs: 'fast, fast, middling, slow',
    floor: null,
    point: 'Whoever is first ready is first answered.',
    ours: '`combine` in the active style, four requests whose answers take 0.9, 0.1, 0.5 and 0.1 s',
    ratio: null,
    seconds: 1,
  },
  {
    id: 'E14',
    what: 'Three tasks of 1, 2 and 3 steps of a second each: one after the other, and at the same time',
    theirs: '(6 s, 3 s)',
    floor: '6 s, 3 s',
    point: 'Tasks take turns at every wait.',
    ours: '`limit` in the active style, with `limit` 1 and 1, 2 and 3 products of 1 s',
    ratio: { of: 'one after the other / at the same time', theirs: 2, byArithmetic: true, holds: 'about' },
    seconds: 10,
  },
]
