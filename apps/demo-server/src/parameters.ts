/**
 * The parameters that a run can have. Values are judged as the strings that they are: a number is written
 * in one way, so `''`, `1e3`, `0x10` or a parameter given twice is an error, and never a number that nobody
 * meant.
 */
import { DELAY_LIMIT_MS } from '@overlap/backend'
import { URGENCY_LIMIT } from '@overlap/workload'

/** A parameter as OpenAPI describes it; `undefined` is a value that is not expected. */
export interface Parameter<A> {
  readonly expected: string
  readonly schema: Readonly<Record<string, unknown>>
  /** When it is absent. `undefined`: it must not be. */
  readonly fallback: A | undefined
  readonly parse: (text: string) => A | undefined
}

/** A run has at most so many products, and at most so many of anything else. */
const MANY = 100

const MIB = 2 ** 20

const skuPattern = '[A-Za-z0-9][A-Za-z0-9._-]{0,63}'
const digits = /^(0|[1-9][0-9]{0,8})$/

export const sku: Parameter<string> = {
  expected: '1 to 64 letters, digits, dots, hyphens or underscores, the first of them a letter or a digit',
  schema: {
    type: 'string',
    minLength: 1,
    maxLength: 64,
    pattern: `^${skuPattern}$`,
    description: 'The product.',
    examples: ['A-42'],
  },
  fallback: undefined,
  parse: matching(new RegExp(`^${skuPattern}$`)),
}

export const skus: Parameter<readonly string[]> = {
  expected: `1 to ${MANY} products, separated by commas`,
  schema: {
    type: 'string',
    pattern: `^${skuPattern}(,${skuPattern}){0,${MANY - 1}}$`,
    description: 'The products, separated by commas.',
    examples: ['A-1,A-2,A-3'],
  },
  fallback: undefined,
  parse: listOf(sku.parse, MANY),
}

const fiveKeys = ['bar', 'bar', 'bar', 'bar', 'baz']

export const keys: Parameter<readonly string[]> = {
  expected: `1 to ${MANY} keys, separated by commas`,
  schema: {
    type: 'string',
    pattern: `^${skuPattern}(,${skuPattern}){0,${MANY - 1}}$`,
    default: fiveKeys.join(','),
    description:
      'The key of each request, separated by commas: there are as many requests as there are keys.',
  },
  fallback: fiveKeys,
  parse: listOf(sku.parse, MANY),
}

export const urgencies: Parameter<readonly number[]> = integers(
  MANY,
  0,
  URGENCY_LIMIT,
  [3],
  'How urgent each request is, 0 the most; the last of them holds for all that follow.',
)

/** All of a run is written at once, and that much takes some ms: 200 thumbnails of up to 500 pixels are 3 MB. */
const [PAGES, WIDTHS, WIDTH] = [20, 10, 500]
const tenPages = Array.from({ length: 10 }, (_, index) => `P-${index + 1}`)

export const pages: Parameter<readonly string[]> = {
  expected: `1 to ${PAGES} pages, separated by commas`,
  schema: {
    type: 'string',
    pattern: `^${skuPattern}(,${skuPattern}){0,${PAGES - 1}}$`,
    default: tenPages.join(','),
    description:
      'The pages, separated by commas: `P-1` to `P-10`, and `not-a-picture`, `truncated`, `no-picture`.',
  },
  fallback: tenPages,
  parse: listOf(sku.parse, PAGES),
}

export const widths: Parameter<readonly number[]> = integers(
  WIDTHS,
  1,
  WIDTH,
  [100, 200, 300, 400, 500],
  'How many pixels wide the thumbnails of each picture are.',
)

const channelPattern = '[A-Za-z0-9_.:-]{1,63}'

export const channel: Parameter<string> = {
  expected: '1 to 63 letters, digits, underscores, hyphens, dots or colons',
  schema: { type: 'string', pattern: `^${channelPattern}$`, description: 'The channel.', examples: ['news'] },
  fallback: undefined,
  parse: matching(new RegExp(`^${channelPattern}$`)),
}

const listOfChannels = listOf(channel.parse, MANY)

export const channels: Parameter<readonly string[]> = {
  expected: `1 to ${MANY} channels, no two the same, separated by commas`,
  schema: {
    type: 'string',
    pattern: `^${channelPattern}(,${channelPattern}){0,${MANY - 1}}$`,
    description: 'The channels, separated by commas.',
    examples: ['news'],
  },
  fallback: undefined,
  parse: (text) => {
    const values = listOfChannels(text)
    return values && new Set(values).size === values.length ? values : undefined
  },
}

const messageIdPattern = '^[0-9a-f]{8}-(0|[1-9][0-9]{0,14})$'

/** The id of a message of the feed. `null` when it is absent. */
export const messageId = (description: string): Parameter<string | null> => ({
  expected: 'the id of a message, as it was received',
  schema: { type: 'string', pattern: messageIdPattern, description },
  fallback: null,
  parse: matching(new RegExp(messageIdPattern)),
})

/** How many of something, 100 at most. */
export const count = (least: number, fallback: number, description: string): Parameter<number> =>
  integer(least, MANY, fallback, description)

/** How many bytes of something, 64 MiB at most. */
export const size = (fallbackMib: number, description: string): Parameter<number> =>
  integer(1, 64 * MIB, fallbackMib * MIB, description)

/** How long something takes or lasts. */
export const duration = (least: number, fallback: number, description: string): Parameter<number> =>
  integer(least, DELAY_LIMIT_MS, fallback, description)

/** One duration for each of up to `most` things. */
export const durations = (
  most: number,
  fallback: readonly number[],
  description: string,
): Parameter<readonly number[]> => integers(most, 0, DELAY_LIMIT_MS, fallback, description)

export const databaseDelay = duration(0, 300, 'How many milliseconds the database takes to answer.')

export const flag = (description: string): Parameter<boolean> => ({
  expected: 'true or false',
  schema: { type: 'boolean', default: false, description },
  fallback: false,
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
})

/** Whether all calls to what is behind fail. */
export const fault = (description: string): Parameter<boolean> => ({
  expected: 'none or fail',
  schema: { type: 'string', enum: ['none', 'fail'], default: 'none', description },
  fallback: false,
  parse: (text) => (text === 'fail' ? true : text === 'none' ? false : undefined),
})

export const databaseFault = fault(
  'Whether Postgres answers each query for stock with an error, after `dbMs`. It has no effect on a scenario without one.',
)

/** The name of one of `choices`, which is read as what stands for it. `null` when it is absent. */
export const nameOf = <A>(choices: ReadonlyMap<string, A>, description: string): Parameter<A | null> => {
  const names = [...choices.keys()]
  return {
    expected: `one of ${names.join(', ')}`,
    schema: { type: 'string', enum: names, description },
    fallback: null,
    parse: (text) => choices.get(text),
  }
}

export function integer(
  least: number,
  most: number,
  fallback: number,
  description: string,
): Parameter<number> {
  return {
    expected: `an integer from ${least} to ${most}, in decimal digits`,
    schema: { type: 'integer', minimum: least, maximum: most, default: fallback, description },
    fallback,
    parse: (text) => {
      const value = digits.test(text) ? Number(text) : NaN
      return value >= least && value <= most ? value : undefined
    },
  }
}

/** Up to `many` of them. */
function integers(
  many: number,
  least: number,
  most: number,
  fallback: readonly number[],
  description: string,
): Parameter<readonly number[]> {
  return {
    expected: `1 to ${many} integers from ${least} to ${most}, separated by commas`,
    schema: { type: 'string', default: fallback.join(','), description },
    fallback,
    parse: listOf(integer(least, most, least, '').parse, many),
  }
}

export function matching(pattern: RegExp) {
  return (text: string) => (pattern.test(text) ? text : undefined)
}

function listOf<A>(parse: (text: string) => A | undefined, most: number) {
  return (text: string): readonly A[] | undefined => {
    const values = text.split(',').map(parse)
    const known = values.filter((value) => value !== undefined)
    return known.length === values.length && known.length <= most ? known : undefined
  }
}
