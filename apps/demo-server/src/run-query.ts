/**
 * The query of a run: what may stand in it, as one table. The same table checks requests and describes
 * the parameters in `/openapi.json`. Every error is reported, not only the first.
 */
import type { Parameter } from './parameters.ts'
import { type FieldError, invalid } from './problem.ts'

/** The parameters by their names. */
export type Table = Readonly<Record<string, Parameter<unknown>>>

/** What a table reads. */
export type Values<T extends Table> = {
  readonly [Name in keyof T]: T[Name] extends Parameter<infer A> ? A : never
}

type Parameters = ReadonlyMap<string, Parameter<unknown>>

/** What a query parser makes of a query: a parameter that is given twice is an array. */
type Texts = Readonly<Record<string, string | string[] | undefined>>

export interface RunQuery<T extends Table> {
  /** A JSON schema for the documentation. */
  readonly schema: object
  /** Throws a problem that names every parameter that is wrong. */
  readonly read: (query: unknown) => Values<T>
}

export function createRunQuery<T extends Table>(table: T): RunQuery<T> {
  const entries = Object.entries(table)
  const parameters: Parameters = new Map(entries)
  const required = entries.filter(([, { fallback }]) => fallback === undefined).map(([name]) => name)
  const fallbacks = Object.fromEntries(entries.map(([name, { fallback }]) => [name, fallback]))

  /** `undefined` when anything is wrong. What that is, is looked for only then. */
  function readAll(texts: Texts): Values<T> | undefined {
    // Most of them are absent from most queries.
    const values = { ...fallbacks }
    for (const name in texts) {
      const parameter = parameters.get(name)
      const value = parameter && read(parameter, texts[name])
      if (value === undefined) return undefined
      values[name] = value
    }
    if (required.some((name) => values[name] === undefined)) return undefined
    // A cast, because a loop cannot know which value has which type.
    return values as Values<T>
  }

  return {
    schema: {
      type: 'object',
      required,
      properties: Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])),
      additionalProperties: false,
    },
    read: (query) => {
      const texts = query as Texts
      const values = readAll(texts)
      if (!values) throw invalid(findErrors(texts, parameters))
      return values
    },
  }
}

function read<A>({ fallback, parse }: Parameter<A>, text: string | string[] | undefined): A | undefined {
  if (text === undefined) return fallback
  return typeof text === 'string' ? parse(text) : undefined
}

function findErrors(texts: Texts, parameters: Parameters): FieldError[] {
  const known = [...parameters.keys()].join(', ')
  const unknown = Object.keys(texts)
    .filter((name) => !parameters.has(name))
    .map((field) => ({
      field,
      expected: `no such parameter, only ${known}`,
      received: [texts[field]].join(),
    }))
  const wrong = [...parameters].flatMap(([field, parameter]): FieldError[] => {
    const { expected } = parameter
    const text = texts[field]
    if (read(parameter, text) !== undefined) return []
    if (text === undefined) return [{ field, expected, received: null }]
    return typeof text === 'string'
      ? [{ field, expected, received: text }]
      : [{ field, expected: `${expected}, once`, received: text.join() }]
  })
  return [...unknown, ...wrong]
}
