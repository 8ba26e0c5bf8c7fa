/**
 * What the reservation service answers.
 *
 * `GET /reservations/:sku?delayMs=300` answers after the delay, 0 to 10,000 ms; with `status=503`, any
 * from 400 to 599, it fails with that status instead, after the same delay.
 */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { DELAY_LIMIT_MS } from './calls.ts'

export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: OutgoingHttpHeaders
  /** It answers about a product, and is entered in the ledger. */
  readonly delayMs?: number
}

const reservations: ReadonlyMap<string, number> = new Map([['A-42', 2]])

export function route({ method, url = '' }: IncomingMessage): Answer | 'ledger' {
  const [path = '', query = ''] = url.split('?', 2)
  const encodedSku = /^\/reservations\/([^/]+)$/.exec(path)?.[1]
  if (path !== '/livez' && path !== '/ledger' && encodedSku === undefined)
    return refuse(404, 'there is nothing here')
  if (method !== 'GET') return { ...refuse(405, 'only GET is answered'), headers: { allow: 'GET' } }
  if (path === '/ledger') return 'ledger'
  if (encodedSku === undefined) return { status: 200, body: { status: 'live' } }

  const sku = decode(encodedSku)
  if (sku === undefined) return refuse(400, 'the sku is not encoded as a URL needs it')
  const parameters = readParameters(query)
  if (typeof parameters === 'string') return refuse(400, parameters)
  const { delayMs, status } = parameters
  if (status !== undefined) return { ...refuse(status, 'it was asked to fail'), delayMs }
  return { status: 200, body: { sku, reserved: reservations.get(sku) ?? 0 }, delayMs }
}

function refuse(status: number, error: string) {
  return { status, body: { error } }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const NOTHING_ASKED = { delayMs: 0, status: undefined }

/** How long to take, and what to fail with; or what is wrong with it. */
function readParameters(
  query: string,
): { readonly delayMs: number; readonly status: number | undefined } | string {
  if (query === '') return NOTHING_ASKED
  const parameters = new URLSearchParams(query)
  const delayMs = readInteger(parameters.getAll('delayMs'), 0, DELAY_LIMIT_MS, 0)
  if (delayMs === null) return `delayMs must be an integer from 0 to ${DELAY_LIMIT_MS}`
  const status = readInteger(parameters.getAll('status'), 400, 599, undefined)
  if (status === null) return 'status must be an integer from 400 to 599'
  return { delayMs, status }
}

/** `null` when it is something else, or said twice. */
function readInteger<A>(
  [text, ...more]: readonly string[],
  least: number,
  most: number,
  absent: A,
): number | A | null {
  if (text === undefined) return absent
  const value = Number(text)
  return more.length === 0 && /^\d{1,5}$/.test(text) && value >= least && value <= most ? value : null
}
