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
    name: 'retry',
    firstSentence:
      'Fetches the reservation in at most `attempts` calls, and waits longer after each failure.',
    group: 'one answer',
    input: ['sku', 'attempts', 'baseMs', 'capMs'],
    origin: 'A client of a service that lets only so many requests through at a time (THR)',
  },
  {
    name: 'race',
    firstSentence: 'Asks every replica at the same time, and takes the first success.',
    group: 'one answer',
    input: ['replicas', 'sku'],
    origin: 'A slow, a fast, a middling and a fast client at once, in order of completion (E13)',
  },
  {
    name: 'hedge',
    firstSentence:
      'Asks one replica, and the next one when the last has been silent for `delayMs` or has failed.',
    group: 'one answer',
    input: ['replicas', 'sku', 'delayMs'],
    origin: 'The same clients, of which a second is asked only while the first is slow (E13)',
  },
  {
    name: 'transaction',
    firstSentence: 'Takes `units` from the stock and confirms them over HTTP, or takes nothing.',
    group: 'one answer',
    input: ['sku', 'units'],
    origin: 'A database and a service that must agree, whatever happens between them',
  },
  {
    name: 'limit',
    firstSentence: 'Combines every sku, at most `limit` at a time, and answers in the order of `skus`.',
    group: 'many answers',
    input: ['skus', 'limit'],
    origin:
      '10 requests at once to a service that takes 1 s, at most 2 at a time: 5.055 s; without the limit: 1.045 s (THR)',
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
  {
    name: 'batch',
    firstSentence: 'Reads the skus that are asked for within `windowMs` with one query.',
    group: 'many answers',
    input: ['windowMs', 'max'],
    origin: 'Many clients at once in front of a database that would rather be asked once',
  },
  {
    name: 'thumbnails',
    firstSentence: "Downloads each page's picture while those before it are being resized.",
    group: 'many answers',
    input: ['pages', 'widths', 'limit'],
    origin:
      '10 pages, a picture of each and 5 thumbnails of each picture: one by one 9.722 s, overlapped 4.139 s (E10)',
  },
  {
    name: 'subscribe',
    firstSentence:
      'Merges endless channels into one sequence, in order of arrival, until the consumer leaves.',
    group: 'long-lived',
    input: ['channels', 'capacity'],
    origin: 'Publish and subscribe, with long polling, server-sent events and WebSockets in front of it',
  },
  {
    name: 'regulate',
    firstSentence: 'Lets requests through by key: so many at once, so many per second, the urgent first.',
    group: 'long-lived',
    input: ['limit', 'perSecond', 'queue', 'agingMs'],
    origin:
      '10 requests at once to a service that takes 1 s, at most 2 at a time for those whose header `Foo` is `bar`: 5.055 s; for others 1.045 s (THR)',
  },
  {
    name: 'shutdown',
    firstSentence:
      'Answers until it is closed; then lets what runs finish for `graceMs`, and cancels the rest.',
    group: 'long-lived',
    input: ['graceMs'],
    origin: 'Stopping about 100 supervised jobs without cutting off the work in progress',
  },
  {
    name: 'echo',
    firstSentence: 'Sends back what it receives, and never holds more than one chunk.',
    group: 'long-lived',
    input: ['connection'],
    origin: 'An echo server, with which asynchronous I/O is taught',
  },
] as const satisfies readonly Scenario[]

export type ScenarioName = (typeof scenarios)[number]['name']
