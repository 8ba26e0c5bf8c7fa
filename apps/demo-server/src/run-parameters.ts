/**
 * The query of a run: what may stand in it, as one table. The same table checks requests and describes
 * the parameters in `/openapi.json`.
 *
 * Values are judged as the strings that they are: a number is written in one way, so `''`, `1e3`, `0x10`
 * or a parameter given twice is an error, and never a number that nobody meant. Every error is reported,
 * not only the first.
 */
import { DELAY_LIMIT_MS } from '@overlap/backend'
import { type FieldError, type Problem, invalid } from './problem.ts'

export interface RunParameters {
  /** `undefined`: the active one. */
  readonly style: string | undefined
  readonly sku: string
  readonly dbMs: number
  readonly httpMs: number
}

/** A parameter as OpenAPI describes it; `parse` answers `undefined` for a value that is not expected. */
interface Parameter<A> {
  readonly expected: string
  readonly schema: Readonly<Record<string, unknown>>
  readonly required?: true
  readonly fallback: A
  parse(text: string): A | undefined
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
  required: true,
  fallback: '',
  parse: matching(new RegExp(SKU)),
}

const delay = (description: string): Parameter<number> => ({
  expected: `an integer from 0 to ${DELAY_LIMIT_MS}, in decimal digits`,
  schema: { type: 'integer', minimum: 0, maximum: DELAY_LIMIT_MS, default: 300, description },
  fallback: 300,
  parse: (text) =>
    text.length <= 5 && integer.test(text) && Number(text) <= DELAY_LIMIT_MS ? Number(text) : undefined,
})

const oneOf = (names: readonly string[], description: string): Parameter<string | undefined> => {
  const known = new Set(names)
  return {
    expected: `one of ${names.join(', ')}`,
    schema: { type: 'string', enum: names, description },
    fallback: undefined,
    parse: (text) => (known.has(text) ? text : undefined),
  }
}

export interface RunQuery {
  /** A JSON schema for the documentation. */
  readonly schema: object
  /** In the shape of a Fastify validator. The problem names every parameter that is wrong. */
  readonly check: (query: unknown) => { value: RunParameters } | { error: Problem }
}

export function createRunQuery(styleNames: readonly string[]): RunQuery {
  const style = oneOf(styleNames, 'For this run only; the active style when absent.')
  const dbMs = delay('How many milliseconds the database takes to answer.')
  const httpMs = delay('How many milliseconds the reservation service takes to answer.')
  const parameters = new Map<string, Parameter<unknown>>(Object.entries({ style, sku, dbMs, httpMs }))
  const known = [...parameters.keys()].join(', ')

  return {
    schema: {
      type: 'object',
      required: ['sku'],
      properties: Object.fromEntries([...parameters].map(([name, { schema }]) => [name, schema])),
      additionalProperties: false,
    },
    check: (query) => {
      const values = query as Readonly<Record<string, string | string[]>>
      const errors: FieldError[] = []
      for (const name in values) {
        if (!parameters.has(name))
          errors.push({
            field: name,
            expected: `no such parameter, only ${known}`,
            received: [values[name]].join(),
          })
      }
      const value: RunParameters = {
        style: read('style', style, values, errors),
        sku: read('sku', sku, values, errors),
        dbMs: read('dbMs', dbMs, values, errors),
        httpMs: read('httpMs', httpMs, values, errors),
      }
      return errors.length > 0 ? { error: invalid(errors) } : { value }
    },
  }
}

function read<A>(
  name: string,
  parameter: Parameter<A>,
  values: Readonly<Record<string, string | string[] | undefined>>,
  errors: FieldError[],
): A {
  const value = values[name]
  if (value === undefined) {
    if (parameter.required) errors.push({ field: name, expected: parameter.expected, received: null })
    return parameter.fallback
  }
  const parsed = typeof value === 'string' ? parameter.parse(value) : undefined
  if (parsed === undefined) {
    const once = typeof value === 'string' ? '' : ', once'
    errors.push({ field: name, expected: parameter.expected + once, received: [value].flat().join() })
  }
  return parsed ?? parameter.fallback
}

function matching(pattern: RegExp) {
  return (text: string) => (pattern.test(text) ? text : undefined)
}
