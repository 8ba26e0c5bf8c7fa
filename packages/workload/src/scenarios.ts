import type { Style } from './style.ts'

/** One job, the same in all styles. */
export interface Scenario {
  /** The file, the function, the route and the row of the matrix bear this name. */
  readonly name: Exclude<keyof Style, 'name'>
  /** What it does: the first sentence of the docstring in every style, word for word. */
  readonly firstSentence: string
  readonly group: 'one answer' | 'many answers' | 'long-lived'
  /** The parts of its input, in their order. */
  readonly input: readonly string[]
  /** The experiment from the talks that it brings back. */
  readonly origin: string
}

/** The manifest: the suite, the README's matrix and the server's routes are made from it. */
export const scenarios = [
  {
    name: 'sequence',
    firstSentence: "Reads a product's stock, and then its reservation only if there is any.",
    group: 'one answer',
    input: ['sku'],
    origin:
      'A database call and then an HTTP call of 300 ms each, 20 requests, 10 at a time: 1.260 s (Tornado)',
  },
  {
    name: 'combine',
    firstSentence: "Reads a product's stock and reservation at the same time, and joins them.",
    group: 'one answer',
    input: ['sku'],
    origin: 'The same two calls at the same time, 20 requests, 10 at a time: 0.663 s (Tornado)',
  },
  {
    name: 'timeout',
    firstSentence: 'Combines, or gives up after `ms`.',
    group: 'one answer',
    input: ['sku', 'ms'],
    origin: 'A client that does not wait for ever, in front of a slow service (THR)',
  },
  {
    name: 'stream',
    firstSentence: 'Yields each availability as it arrives, at most `limit` ahead of the consumer.',
    group: 'many answers',
    input: ['skus', 'limit'],
    origin:
      'A slow, a fast, a middling and a fast client are served as they are ready: fast, fast, middling, slow (E13)',
  },
  {
    name: 'latest',
    firstSentence: 'Answers the newest sku: a new one cancels the one before.',
    group: 'many answers',
    input: ['skus'],
    origin: 'A search field that asks again at each keystroke, while the last answer is still on its way',
  },
] as const satisfies readonly Scenario[]

export type ScenarioName = (typeof scenarios)[number]['name']
