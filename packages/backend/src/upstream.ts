/** One replica of the reservation service: where it is, and the sockets to it. */
import { HttpLines, type HttpStats } from './http-lines.ts'

export interface Upstream {
  readonly origin: string
  readonly lines: HttpLines
  /** What stands before `/reservations`, without a slash at its end. */
  readonly basePath: string
}

/** The service itself comes first. */
export type Upstreams = readonly [Upstream, ...Upstream[]]

/** Throws a `TypeError` when there is none, or one cannot be used. */
export function readUpstreams(upstreamUrls: readonly string[], answerTimeoutMs: number): Upstreams {
  const [first, ...others] = upstreamUrls.map((url, index) => readUpstream(url, index, answerTimeoutMs))
  if (first === undefined) throw new TypeError('upstreamUrls must name at least one URL')
  return [first, ...others]
}

/** The same one, with sockets of its own. */
export function reopen(upstream: Upstream): Upstream {
  return { ...upstream, lines: new HttpLines(upstream.origin, upstream.lines.answerTimeoutMs) }
}

export function sumUp(upstreams: Upstreams): HttpStats {
  const sum = { requests: 0, sockets: 0, idle: 0 }
  for (const { lines } of upstreams) {
    const { requests, sockets, idle } = lines.stats()
    sum.requests += requests
    sum.sockets += sockets
    sum.idle += idle
  }
  return sum
}

function readUpstream(upstreamUrl: string, index: number, answerTimeoutMs: number): Upstream {
  const url = URL.canParse(upstreamUrl) ? new URL(upstreamUrl) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new TypeError(`upstreamUrls[${index}] must be an http: or https: URL`)
  const lines = new HttpLines(url.origin, answerTimeoutMs)
  return { origin: url.origin, lines, basePath: url.pathname.replace(/\/+$/, '') }
}
