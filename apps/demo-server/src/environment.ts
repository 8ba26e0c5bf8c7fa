/**
 * Reads what an operator can set. Pure: it looks at nothing but the object it is given, so that all
 * problems are found at once, before anything is started.
 *
 * A message names the variable, what was expected and what was found. What may be secret is not shown.
 */
import { isIPv4, isIPv6 } from 'node:net'
import path from 'node:path'
import { type StyleName, styleNames } from '@overlap/workload'
import type { AdmissionLimits } from './admission.ts'
import { type Rule, defaultRules, parseRules } from './rules.ts'

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

type LogLevel = (typeof logLevels)[number]

export interface Settings {
  /** 0: any free port. */
  readonly port: number
  readonly host: string
  /** Of the first style's echo server; those of the others follow. 0: any free ports. */
  readonly echoPort: number
  /** To the echo server of each style, at most. */
  readonly echoConnections: number
  readonly style: StyleName
  /** `undefined`: start an embedded Postgres. */
  readonly databaseUrl: string | undefined
  readonly poolMax: number
  /** When runs are refused. */
  readonly admit: AdmissionLimits
  /** The reservation service and its further replicas. `undefined`: start one with replicas. */
  readonly upstreamUrls: readonly string[] | undefined
  /** Which runs wait for one another. */
  readonly rules: readonly Rule[]
  /** Whether there are fault proxies before Postgres and the reservation service. */
  readonly faults: boolean
  readonly adminToken: string | undefined
  /** Where the verdicts of the suite are kept. */
  readonly suiteFile: string | undefined
  readonly logLevel: LogLevel
}

export type Environment = Readonly<Record<string, string | undefined>>

export type ParsedEnvironment =
  | { readonly settings: Settings; readonly problems?: undefined }
  | { readonly settings?: undefined; readonly problems: readonly string[] }

/** An empty string is the same as not set. */
export function parseEnvironment(env: Environment): ParsedEnvironment {
  const problems: string[] = []
  const expect = (name: string, expected: string, found: string) => {
    problems.push(`${name}: expected ${expected}, found ${found}`)
  }

  function read<A>(
    name: string,
    fallback: A,
    expected: string,
    parse: (text: string) => A | undefined,
    show = quote,
  ): A {
    const text = env[name]
    if (text === undefined || text === '') return fallback
    const value = parse(text)
    if (value === undefined) expect(name, expected, show(text))
    return value ?? fallback
  }
  const readInteger = (name: string, fallback: number, min: number, max: number) =>
    read(name, fallback, `an integer from ${min} to ${max}`, (text) => toInteger(text, min, max))
  const readOneOf = <A extends string>(name: string, fallback: A, allowed: readonly A[]) =>
    read(name, fallback, `one of ${allowed.join(', ')}`, (text) => allowed.find((each) => each === text))

  const readRules = () => {
    const text = env['REGULATE']
    if (text === undefined || text === '') return defaultRules
    const parsed = parseRules(text)
    for (const { at, expected, found } of parsed.problems) expect(`REGULATE${at}`, expected, found)
    return parsed.rules
  }

  const settings: Settings = {
    port: readInteger('PORT', 8888, 0, 65_535),
    host: read('HOST', '127.0.0.1', 'a host name or an IP address, without brackets or a port', (text) =>
      /^[\w.-]{1,253}$/.test(text) || isIPv6(text) ? text : undefined,
    ),
    echoPort: readInteger('ECHO_PORT', 0, 0, 65_536 - styleNames.length),
    echoConnections: readInteger('ECHO_CONNECTIONS', 1000, 1, 10_000),
    style: readOneOf('STYLE', 'promises', styleNames),
    databaseUrl: read(
      'DATABASE_URL',
      undefined,
      'a URL that begins with postgres:// or postgresql://',
      (text) => (/^postgres(ql)?:\/\/[^\s]+$/.test(text) && isPostgresUrl(text) ? text : undefined),
      maskUrl,
    ),
    poolMax: readInteger('POOL_MAX', 50, 1, 1000),
    admit: {
      maxRuns: readInteger('MAX_RUNS', 10_000, 1, 100_000),
      maxWaitMs: readInteger('MAX_WAIT_MS', 50, 1, 600_000),
      maxLagMs: readInteger('MAX_LAG_MS', 10, 1, 600_000),
    },
    upstreamUrls: read(
      'UPSTREAM_URL',
      undefined,
      'a URL that begins with http:// or https://, or several with commas between them',
      (text) => {
        const urls = text.split(',')
        return urls.every((url) => /^https?:\/\/[^\s]+$/.test(url) && URL.canParse(url)) ? urls : undefined
      },
      maskUrl,
    ),
    rules: readRules(),
    faults: readOneOf('FAULTS', 'false', ['true', 'false']) === 'true',
    adminToken: read(
      'ADMIN_TOKEN',
      undefined,
      'at least 16 visible ASCII characters',
      (text) => (/^[\x21-\x7e]{16,}$/.test(text) ? text : undefined),
      (text) => `${text.length} characters that are not shown`,
    ),
    suiteFile: read('SUITE_FILE', undefined, 'an absolute path', (text) =>
      path.isAbsolute(text) ? text : undefined,
    ),
    logLevel: readOneOf('LOG_LEVEL', 'warn', logLevels),
  }
  if (!isLoopback(settings.host) && !env['ADMIN_TOKEN'])
    expect(
      'ADMIN_TOKEN',
      `a token, because HOST ${quote(settings.host)} is not a loopback address`,
      'nothing',
    )

  if (settings.faults) {
    const { databaseUrl, upstreamUrls = [] } = settings
    if (databaseUrl !== undefined && !namesItsHost(databaseUrl))
      expect(
        'DATABASE_URL',
        'a host, and neither host nor port behind the question mark, because of FAULTS',
        maskUrl(databaseUrl),
      )
    if (upstreamUrls.some((url) => url.startsWith('https:')))
      expect('UPSTREAM_URL', 'http://, because of FAULTS', maskUrl('https://'))
  }

  return problems.length > 0 ? { problems } : { settings }
}

/** Whether only this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

function toInteger(text: string, min: number, max: number): number | undefined {
  if (!/^(0|[1-9][0-9]{0,8})$/.test(text)) return undefined
  const value = Number(text)
  return value >= min && value <= max ? value : undefined
}

const quote = (text: string) => JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text)

/** As `pg` reads it: there need not be a host, because a socket may stand in the query. */
const isPostgresUrl = (text: string) => URL.canParse(text.replace('@/', '@localhost/'))

/** Whether all of where it is stands in one place. */
function namesItsHost(databaseUrl: string): boolean {
  if (!URL.canParse(databaseUrl)) return false
  const { hostname, searchParams } = new URL(databaseUrl)
  return hostname !== '' && !searchParams.has('host') && !searchParams.has('port')
}

/** Nothing but the scheme: a password can stand in more than one place of a URL. */
function maskUrl(text: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)
  return scheme ? `"${scheme[0]}***"` : '"***"'
}
