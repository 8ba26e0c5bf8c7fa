/**
 * The query of a run: what may stand in it, as one table. The same table checks requests and describes
 * the parameters in `/openapi.json`.
 *
 * Values are judged as the strings that they are: a number is written in one way, so `''`, `1e3`, `0x10`
 * or a parameter given twice is an error, and never a number that nobody meant. Every error is reported,
 * not only the first.
 */
import { DELAY_LIMIT_MS } from '@overlap/backend'
import { type FieldError, invalid } from './problem.ts'

/** `S`: what stands for a style. */
interface RunParameters<S> {
  /** `null`: the active one. */
  readonly style: S | null
  readonly sku: string
  readonly dbMs: number
  readonly httpMs: number
  readonly trace: boolean
}

/** A parameter as OpenAPI describes it; `undefined` is a value that is not expected. */
interface Parameter<A> {
  readonly expected: string
  readonly schema: Readonly<Record<string, unknown>>
  /** When it is absent. `undefined`: it must not be. */
  readonly fallback: A | undefined
  readonly parse: (text: string) => A | undefined
}

const SKU = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'
const integer = /^(0|[1-9][0-9]*)$/

const sku: Parameter<string> = {
  expected: '1 to 64 letters, digits, dots, hyphens or underscores, the first of them a letter or a digit',
  schema: {
    type: 'string',
    minLength: 1,
    maxLength: 64,
    pattern: SKU,
    description: 'The product.',
    examples: ['A-42'],
  },
  fallback: undefined,
  parse: matching(new RegExp(SKU)),
}

const delay = (description: string): Parameter<number> => ({
  expected: `an integer from 0 to ${DELAY_LIMIT_MS}, in decimal digits`,
  schema: { type: 'integer', minimum: 0, maximum: DELAY_LIMIT_MS, default: 300, description },
  fallback: 300,
  parse: (text) =>
    text.length <= 5 && integer.test(text) && Number(text) <= DELAY_LIMIT_MS ? Number(text) : undefined,
})

const trace: Parameter<boolean> = {
  expected: 'true or false',
  schema: { type: 'boolean', default: false, description: 'Whether the answer tells what the calls did.' },
  fallback: false,
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
}

/** The name of one of `choices`, which is read as what stands for it. */
const nameOf = <A>(choices: ReadonlyMap<string, A>, description: string): Parameter<A | null> => {
  const names = [...choices.keys()]
  return {
    expected: `one of ${names.join(', ')}`,
    schema: { type: 'string', enum: names, description },
    fallback: null,
    parse: (text) => choices.get(text),
  }
}

/** What a query parser makes of a query: a parameter that is given twice is an array. */
type Values = Readonly<Record<string, string | string[] | undefined>>

export interface RunQuery<S> {
  /** A JSON schema for the documentation. */
  readonly schema: object
  /** Throws a problem that names every parameter that is wrong. */
  readonly read: (query: unknown) => RunParameters<S>
}

export function createRunQuery<S>(styles: ReadonlyMap<string, S>): RunQuery<S> {
  const table = {
    style: nameOf(styles, 'For this run only; the active style when absent.'),
    sku,
    dbMs: delay('How many milliseconds the database takes to answer.'),
    httpMs: delay('How many milliseconds the reservation service takes to answer.'),
    trace,
  }
  const parameters = new Map<string, Parameter<unknown>>(Object.entries(table))
  const schemas = [...parameters].map(([name, { schema }]) => [name, schema] as const)

  /** `undefined` when anything is wrong. What that is, is looked for only then. */
  function readAll(values: Values): RunParameters<S> | undefined {
    for (const name in values) if (!parameters.has(name)) return undefined
    const style = read(table.style, values['style'])
    const product = read(table.sku, values['sku'])
    const dbMs = read(table.dbMs, values['dbMs'])
    const httpMs = read(table.httpMs, values['httpMs'])
    const traced = read(table.trace, values['trace'])
    if (style === undefined || product === undefined || traced === undefined) return undefined
    if (dbMs === undefined || httpMs === undefined) return undefined
    return { style, sku: product, dbMs, httpMs, trace: traced }
  }

  return {
    schema: {
      type: 'object',
      required: ['sku'],
      properties: Object.fromEntries(schemas),
      additionalProperties: false,
    },
    read: (query) => {
      const values = query as Values
      const value = readAll(values)
      if (!value) throw invalid(findErrors(values, parameters))
      return value
    },
  }
}

function read<A>({ fallback, parse }: Parameter<A>, value: string | string[] | undefined): A | undefined {
  if (value === undefined) return fallback
  return typeof value === 'string' ? parse(value) : undefined
}

function findErrors(values: Values, parameters: ReadonlyMap<string, Parameter<unknown>>): FieldError[] {
  const known = [...parameters.keys()].join(', ')
  const unknown = Object.keys(values)
    .filter((name) => !parameters.has(name))
    .map((field) => ({
      field,
      expected: `no such parameter, only ${known}`,
      received: [values[field]].join(),
    }))
  const wrong = [...parameters].flatMap(([field, parameter]): FieldError[] => {
    const { expected } = parameter
    const value = values[field]
    if (read(parameter, value) !== undefined) return []
    if (value === undefined) return [{ field, expected, received: null }]
    return typeof value === 'string'
      ? [{ field, expected, received: value }]
      : [{ field, expected: `${expected}, once`, received: value.join() }]
  })
  return [...unknown, ...wrong]
}

function matching(pattern: RegExp) {
  return (text: string) => (pattern.test(text) ? text : undefined)
}
