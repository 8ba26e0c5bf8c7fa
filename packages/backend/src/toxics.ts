/**
 * What a fault proxy can do to its connections, in the words of Toxiproxy, and the check of what is asked for. Pure.
 *
 * Source: https://github.com/Shopify/toxiproxy#toxics
 */

/** The names and units are Toxiproxy's: milliseconds, unless it says otherwise. */
export interface ToxicAttributes {
  /** Data comes `latency` ± `jitter` later. */
  readonly latency: { readonly latency: number; readonly jitter: number }
  /** `rate`: in KB/s, which are bytes in a millisecond. */
  readonly bandwidth: { readonly rate: number }
  /** The end comes `delay` later. */
  readonly slow_close: { readonly delay: number }
  /** Data is dropped, and the connection closed after `timeout`; 0: it is not. */
  readonly timeout: { readonly timeout: number }
  /** The connection is reset `timeout` after the first data, or the end. */
  readonly reset_peer: { readonly timeout: number }
  /** Data comes in pieces of `average_size` ± `size_variation` bytes, each `delay` microseconds after the one before. */
  readonly slicer: {
    readonly average_size: number
    readonly size_variation: number
    readonly delay: number
  }
  /** The connection is closed once `bytes` have gone through. */
  readonly limit_data: { readonly bytes: number }
}

export type ToxicType = keyof ToxicAttributes

export const toxicStreams = ['upstream', 'downstream'] as const

/** `upstream`: from the client to the server; `downstream`: back. */
type ToxicStream = (typeof toxicStreams)[number]

export type Toxic<T extends ToxicType = ToxicType> = {
  readonly [Type in T]: {
    /** Of no other toxic of the proxy. */
    readonly name: string
    readonly type: Type
    readonly stream: ToxicStream
    /** The probability that a connection is concerned, 0 to 1. */
    readonly toxicity: number
    readonly attributes: ToxicAttributes[Type]
  }
}[T]

/** A toxic as somebody asks for it. */
export type ToxicInput<T extends ToxicType = ToxicType> = {
  readonly [Type in T]: {
    /** 1 to 64 letters, digits, dots, hyphens or underscores. `<type>_<stream>` by default. */
    readonly name?: string
    readonly type: Type
    /** `downstream` by default. */
    readonly stream?: ToxicStream
    /** 1 by default. */
    readonly toxicity?: number
    /** All of them, but for `jitter`, `size_variation` and the slicer's `delay`, which are 0 by default. */
    readonly attributes: Partial<ToxicAttributes[Type]>
  }
}[T]

/** What is wrong: where, `toxics[0].attributes.latency` for instance, what was expected there, and what was found. */
export interface ToxicProblem {
  readonly field: string
  readonly expected: string
  /** `null`: nothing. */
  readonly received: string | null
}

interface Attribute {
  readonly least: number
  readonly most: number
  readonly fallback?: number
}

const TOXICS = 16
const HOUR_MS = 3_600_000
const GIGA = 1_000_000_000

const duration: Attribute = { least: 0, most: HOUR_MS }
const noneByDefault = { ...duration, fallback: 0 }

const attributesOf: {
  readonly [T in ToxicType]: Readonly<Record<keyof ToxicAttributes[T], Attribute>>
} = {
  latency: { latency: duration, jitter: noneByDefault },
  bandwidth: { rate: { least: 1, most: GIGA } },
  slow_close: { delay: duration },
  timeout: { timeout: duration },
  reset_peer: { timeout: duration },
  slicer: {
    average_size: { least: 1, most: GIGA },
    size_variation: { least: 0, most: GIGA, fallback: 0 },
    delay: { ...noneByDefault, most: HOUR_MS * 1000 },
  },
  limit_data: { bytes: { least: 0, most: Number.MAX_SAFE_INTEGER } },
}

export const toxicTypes = Object.keys(attributesOf) as readonly ToxicType[]

const members = ['name', 'type', 'stream', 'toxicity', 'attributes']

/** The toxics are to be used only where there are no problems. */
export function readToxics(list: unknown): {
  readonly toxics: readonly Toxic[]
  readonly problems: readonly ToxicProblem[]
} {
  const problems: ToxicProblem[] = []
  if (!Array.isArray(list) || list.length > TOXICS) {
    problems.push(problem('toxics', `an array of at most ${TOXICS} toxics`, list))
    return { toxics: [], problems }
  }
  const toxics = list.map((value, index) => readToxic(value, `toxics[${index}]`, problems))
  for (const [index, { name }] of toxics.entries())
    if (problems.length === 0 && toxics.findIndex((other) => other.name === name) < index)
      problems.push(problem(`toxics[${index}].name`, 'a name that no other toxic of the proxy has', name))
  return { toxics, problems }
}

/** A cast, because what is wrong is among the problems. */
function readToxic(value: unknown, at: string, problems: ToxicProblem[]): Toxic {
  const given = toMap(value)
  if (!given) problems.push(problem(at, 'an object', value))
  const read = (name: string, expected: string, accepts: (found: unknown) => boolean, fallback?: unknown) => {
    const found = given?.get(name)
    if (found === undefined && fallback !== undefined) return fallback
    if (given && !accepts(found)) problems.push(problem(`${at}.${name}`, expected, found))
    return found
  }
  refuseOthers(given, members, at, problems)
  const type = read('type', oneOf(toxicTypes), (found) => toxicTypes.includes(found as ToxicType))
  const stream = read(
    'stream',
    oneOf(toxicStreams),
    (found) => toxicStreams.includes(found as ToxicStream),
    'downstream',
  )
  return {
    name: read(
      'name',
      '1 to 64 letters, digits, dots, hyphens or underscores',
      (found) => typeof found === 'string' && /^[\w.-]{1,64}$/.test(found),
      `${toText(type)}_${toText(stream)}`,
    ),
    type,
    stream,
    toxicity: read(
      'toxicity',
      'a number from 0 to 1',
      (found) => typeof found === 'number' && found >= 0 && found <= 1,
      1,
    ),
    attributes: toxicTypes.includes(type as ToxicType)
      ? readAttributes(type as ToxicType, given?.get('attributes'), `${at}.attributes`, problems)
      : {},
  } as Toxic
}

function readAttributes(type: ToxicType, value: unknown, at: string, problems: ToxicProblem[]) {
  const table = new Map<string, Attribute>(Object.entries(attributesOf[type]))
  const given = toMap(value)
  if (!given) {
    problems.push(problem(at, `an object with ${[...table.keys()].join(', ')}`, value))
    return {}
  }
  refuseOthers(given, [...table.keys()], at, problems)
  const values: Record<string, number> = {}
  for (const [name, { least, most, fallback }] of table) {
    const found = given.has(name) ? given.get(name) : fallback
    if (Number.isSafeInteger(found) && Number(found) >= least && Number(found) <= most)
      values[name] = Number(found)
    else problems.push(problem(`${at}.${name}`, `an integer from ${least} to ${most}`, found))
  }
  const { average_size: size, size_variation: variation } = values
  if (size !== undefined && variation !== undefined && variation >= size)
    problems.push(problem(`${at}.size_variation`, `less than average_size, ${size}`, variation))
  return values
}

function refuseOthers(
  given: ReadonlyMap<string, unknown> | undefined,
  known: readonly string[],
  at: string,
  problems: ToxicProblem[],
) {
  for (const [name, found] of given ?? [])
    if (!known.includes(name))
      problems.push(problem(`${at}.${name}`, `no such member, only ${known.join(', ')}`, found))
}

const toMap = (value: unknown): ReadonlyMap<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? new Map(Object.entries(value))
    : undefined

const oneOf = (names: readonly string[]) => `one of ${names.join(', ')}`

const problem = (field: string, expected: string, found: unknown): ToxicProblem => ({
  field,
  expected,
  received: found === undefined ? null : toText(found),
})

/** An object is named, not shown: it may be nested as deeply as it likes. */
function toText(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
