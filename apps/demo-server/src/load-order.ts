/** Reads what somebody asks the load for. Every error is reported, not only the first. */
import { type LoadOrder, type Model, loadLimits, loadableScenarios } from '@overlap/load/order'
import { type FieldError, invalid, toText } from './problem.ts'

const members = ['scenario', 'parameters', 'styles', 'model', 'connections', 'perSecond', 'seconds']

/** As OpenAPI describes it. */
export const orderSchema = {
  type: 'object',
  required: ['scenario', 'styles'],
  properties: {
    scenario: { enum: loadableScenarios },
    parameters: {
      type: 'object',
      additionalProperties: { type: 'string' },
      default: {},
      description: 'Those of the run, as they stand in its query.',
    },
    styles: {
      type: 'array',
      minItems: 1,
      maxItems: loadLimits.styles,
      uniqueItems: true,
      items: { type: 'string' },
      description: 'They are loaded in turn, in slices of about a second.',
    },
    model: {
      enum: ['closed', 'open'],
      default: 'closed',
      description:
        '`closed`: each connection waits for its answers. `open`: requests are sent at a rate, whatever becomes of them.',
    },
    connections: {
      type: 'integer',
      minimum: 1,
      maximum: loadLimits.connections,
      default: 10,
      description: 'Of a closed load.',
    },
    perSecond: {
      type: 'integer',
      minimum: 1,
      maximum: loadLimits.perSecond,
      default: 100,
      description: 'Of an open load.',
    },
    seconds: {
      type: 'integer',
      minimum: 1,
      maximum: loadLimits.seconds,
      default: 10,
      description: 'For all styles together.',
    },
  },
}

/** Throws a problem. Whether the parameters are those of the run, and the styles there, the run's own route knows. */
export function readOrder(body: unknown): LoadOrder {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid([{ field: 'body', expected: `an object with ${members.join(', ')}`, received: null }])
  const given = body as Readonly<Record<string, unknown>>
  const errors: FieldError[] = Object.keys(given)
    .filter((field) => !members.includes(field))
    .map((field) => ({
      field,
      expected: `no such member, only ${members.join(', ')}`,
      received: toText(given[field]),
    }))
  const expect = (field: string, expected: string) => {
    const value = given[field]
    errors.push({ field, expected, received: value === undefined ? null : toText(value) })
  }
  const integer = (field: string, most: number, fallback: number): number => {
    const value = given[field] ?? fallback
    if (Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= most) return Number(value)
    expect(field, `an integer from 1 to ${most}`)
    return fallback
  }

  const scenario = loadableScenarios.find((name) => name === given['scenario'])
  if (!scenario) expect('scenario', `one of ${loadableScenarios.join(', ')}`)
  const styles = readStyles(given['styles'])
  if (!styles) expect('styles', `1 to ${loadLimits.styles} names of styles, no two the same`)
  const parameters = readParameters(given['parameters'] ?? {})
  if (!parameters) expect('parameters', 'an object of texts, without style and trace')
  const model = readModel()
  const seconds = integer('seconds', loadLimits.seconds, 10)
  if (!scenario || !styles || !parameters || errors.length > 0) throw invalid(errors)
  return { scenario, styles, parameters, ...model, seconds }

  function readModel(): Model {
    const name = given['model'] ?? 'closed'
    if (name === 'open') {
      if (given['connections'] !== undefined) expect('connections', 'none with the model open, but perSecond')
      return { model: name, perSecond: integer('perSecond', loadLimits.perSecond, 100) }
    }
    if (name !== 'closed') expect('model', 'closed or open')
    else if (given['perSecond'] !== undefined)
      expect('perSecond', 'none with the model closed, but connections')
    return { model: 'closed', connections: integer('connections', loadLimits.connections, 10) }
  }
}

function readStyles(value: unknown): string[] | undefined {
  if (!Array.isArray(value) || value.length < 1 || value.length > loadLimits.styles) return undefined
  if (!value.every((one) => typeof one === 'string')) return undefined
  return new Set(value).size === value.length ? value : undefined
}

function readParameters(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const entries = Object.entries(value)
  const isWrong = entries.some(
    ([name, text]) => typeof text !== 'string' || name === 'style' || name === 'trace',
  )
  return isWrong ? undefined : Object.fromEntries(entries)
}
