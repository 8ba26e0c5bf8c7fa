/**
 * Which runs have to wait for one another: rules, as an operator writes them. "At most 2 at a time of the requests
 * whose header Foo is bar" is `{"header":"foo","value":"bar","limit":2}`. Pure.
 */
import type { RegulateInput } from '@overlap/workload'

export interface Rule extends RegulateInput {
  /** In lower case. */
  readonly header: string
  /** `undefined`: the requests of each value of the header are regulated by themselves. */
  readonly value: string | undefined
}

/** The talks' own. */
export const defaultRules: readonly Rule[] = [
  { header: 'foo', value: 'bar', limit: 2, perSecond: undefined, queue: 100, agingMs: 1000 },
]

const RULES = 10

/** What is wrong with a rule: where it is, `[0].limit` for instance, and what was expected there. */
export interface RuleProblem {
  readonly at: string
  readonly expected: string
  /** As JSON, or the text itself where it is none. */
  readonly found: string
}

interface Member {
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
}

const integer = (least: number, most: number): Member => ({
  expected: `an integer from ${least} to ${most}`,
  accepts: (value) => Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most,
})
const text = (expected: string, pattern: RegExp): Member => ({
  expected,
  accepts: (value) => typeof value === 'string' && pattern.test(value),
})

const required: Readonly<Record<string, Member>> = {
  // None that an object without headers would have.
  header: text('the name of a header', /^(?!__proto__$|constructor$)[\w!#$%&'*+.^`|~-]{1,64}$/i),
  limit: integer(1, 10_000),
}
const optional: Readonly<Record<string, Member>> = {
  value: text('1 to 256 visible ASCII characters, and spaces between them', /^(?! )[ -~]{1,256}(?<! )$/),
  perSecond: integer(1, 1000),
  queue: integer(0, 10_000),
  agingMs: integer(0, 600_000),
}
const members = { ...required, ...optional }

/** The rules are to be used only where there are no problems. */
export function parseRules(json: string): {
  readonly rules: readonly Rule[]
  readonly problems: readonly RuleProblem[]
} {
  const list = parseJson(json)
  if (!Array.isArray(list) || list.length > RULES) {
    const expected = `a JSON array of at most ${RULES} rules`
    return { rules: [], problems: [{ at: '', expected, found: shorten(json) }] }
  }
  const problems = list.flatMap(findProblems)
  if (problems.length > 0) return { rules: [], problems }
  const rules = list.map(toRule)
  return { rules, problems: findTwins(rules) }
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function findProblems(rule: unknown, index: number): RuleProblem[] {
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule))
    return [{ at: `[${index}]`, expected: 'an object', found: show(rule) }]
  const given = new Map(Object.entries(rule))
  const unknown = [...given]
    .filter(([name]) => !Object.hasOwn(members, name))
    .map(([name, found]) => ({
      at: `[${index}].${name}`,
      expected: `no such member, only ${Object.keys(members).join(', ')}`,
      found: show(found),
    }))
  const wrong = Object.entries(members)
    .filter(([name, { accepts }]) => (given.has(name) ? !accepts(given.get(name)) : name in required))
    .map(([name, { expected }]) => ({ at: `[${index}].${name}`, expected, found: show(given.get(name)) }))
  return [...unknown, ...wrong]
}

/** Of two rules for the same requests, one would hide the other in the metrics, and nobody means that. */
function findTwins(rules: readonly Rule[]): RuleProblem[] {
  return rules.flatMap(({ header, value }, index) => {
    const twin = rules.findIndex((other) => other.header === header && other.value === value)
    if (twin === index) return []
    const expected = `other requests than those of REGULATE[${twin}]`
    return [{ at: `[${index}]`, expected, found: show({ header, value }) }]
  })
}

const show = (value: unknown) => (value === undefined ? 'nothing' : shorten(JSON.stringify(value)))

const shorten = (json: string) => (json.length > 64 ? `${json.slice(0, 64)}…` : json)

/** A cast, because it has been looked through. */
function toRule(rule: unknown): Rule {
  const { header, ...rest } = rule as Pick<Rule, 'header' | 'limit'> & Partial<Rule>
  return { value: undefined, queue: 100, agingMs: 1000, ...rest, header: header.toLowerCase() }
}
