/**
 * What the reservation service answers.
 *
 * - `GET /reservations/:sku`: the units of a product that are promised.
 * - `POST /orders` with `{ order, sku, units }`: confirms an order. Asked again, it answers the same;
 *   409 if it was confirmed otherwise, or withdrawn.
 * - `DELETE /orders/:order`: withdraws it, now and for good, known or not.
 * - `GET /pages/:page` and `GET /pictures/:name`: HTML, and the JPEG that it is about.
 *
 * With `?delayMs=300`, 0 to 10,000 ms, all but the withdrawal are decided and answered after the delay; with
 * `status=503`, any from 400 to 599, they fail with that status then, and nothing is confirmed.
 */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { Order } from '@overlap/workload'
import { DELAY_LIMIT_MS } from './calls.ts'
import type { ConfirmedOrders } from './confirmed-orders.ts'
import { parseObject } from './parse-object.ts'
import { pageOf } from './reservation-pages.ts'
import { pictureOf } from './reservation-pictures.ts'

export interface Reply {
  readonly status: number
  /** Of the body. */
  readonly type: string
  readonly body: string | Buffer
  readonly headers?: OutgoingHttpHeaders
}

/** A reply that may take its time: it is entered in the ledger, and dropped when the client leaves. */
export interface Work {
  readonly delayMs: number
  readonly wantsBody: boolean
  /** At the end of the delay. */
  readonly decide: (body: string) => Reply | Promise<Reply>
}

const routes = /^\/(reservations|orders|pages|pictures|livez|ledger)(?:\/([^/]+))?$/

const UNITS_LIMIT = 2 ** 31 - 1

const reservations: ReadonlyMap<string, number> = new Map([['A-42', 2]])

export function route(
  { method, url = '' }: IncomingMessage,
  orders: ConfirmedOrders,
): Reply | Work | 'ledger' {
  const [path = '', query = ''] = url.split('?', 2)
  const [, collection, encodedKey] = routes.exec(path) ?? []
  const allowed = allowedMethod(collection, encodedKey !== undefined)
  if (allowed === undefined) return refuse(404, 'there is nothing here')
  if (method !== allowed)
    return { ...refuse(405, `only ${allowed} is answered`), headers: { allow: allowed } }
  if (collection === 'ledger') return 'ledger'
  if (collection === 'livez') return json(200, { status: 'live' })

  const key = decode(encodedKey ?? '')
  if (key === undefined) return refuse(400, `what follows /${collection}/ is not encoded as a URL needs it`)
  if (method === 'DELETE') {
    orders.withdraw(key)
    return json(200, { order: key, withdrawn: true })
  }
  const parameters = readParameters(query)
  if (typeof parameters === 'string') return refuse(400, parameters)
  const { delayMs, status } = parameters
  if (status !== undefined)
    return { delayMs, wantsBody: method === 'POST', decide: () => refuse(status, 'it was asked to fail') }
  switch (collection) {
    case 'orders':
      return { delayMs, wantsBody: true, decide: (body) => confirm(body, orders) }
    case 'pages':
      return { delayMs, wantsBody: false, decide: () => toPage(key) }
    case 'pictures': {
      // Drawn meanwhile, if it must be.
      const picture = toPicture(key)
      return { delayMs, wantsBody: false, decide: () => picture }
    }
    default:
      return {
        delayMs,
        wantsBody: false,
        decide: () => json(200, { sku: key, reserved: reservations.get(key) ?? 0 }),
      }
  }
}

export function json(status: number, value: unknown): Reply {
  return { status, type: 'application/json', body: JSON.stringify(value) }
}

export function refuse(status: number, error: string): Reply {
  return json(status, { error })
}

function allowedMethod(collection: string | undefined, hasKey: boolean): string | undefined {
  if (collection === 'orders') return hasKey ? 'DELETE' : 'POST'
  const wantsKey = collection === 'reservations' || collection === 'pages' || collection === 'pictures'
  return collection !== undefined && hasKey === wantsKey ? 'GET' : undefined
}

function confirm(body: string, orders: ConfirmedOrders): Reply {
  const order = readOrder(body)
  if (typeof order === 'string') return refuse(400, order)
  const obstacle = orders.confirm(order)
  return obstacle === null ? json(200, order) : refuse(409, obstacle)
}

function toPage(name: string): Reply {
  const body = pageOf(name)
  return body === undefined
    ? refuse(404, 'there is no such page')
    : { status: 200, type: 'text/html; charset=utf-8', body }
}

function toPicture(name: string): Reply | Promise<Reply> {
  const picture = pictureOf(name)
  if (picture === undefined) return refuse(404, 'there is no such picture')
  return picture.then(
    (body) => ({ status: 200, type: 'image/jpeg', body }),
    () => refuse(500, 'the picture could not be drawn'),
  )
}

/** Or what is wrong with it. */
function readOrder(body: string): Order | string {
  const { order, sku, units }: { order?: unknown; sku?: unknown; units?: unknown } = parseObject(body) ?? {}
  if (typeof order !== 'string' || order === '') return 'order must be a text that is not empty'
  if (typeof sku !== 'string' || sku === '') return 'sku must be a text that is not empty'
  if (typeof units !== 'number' || !Number.isSafeInteger(units) || units < 1 || units > UNITS_LIMIT)
    return `units must be an integer from 1 to ${UNITS_LIMIT}`
  return { order, sku, units }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

interface Parameters {
  readonly delayMs: number
  /** What to fail with. */
  readonly status: number | undefined
}

const NOTHING_ASKED: Parameters = { delayMs: 0, status: undefined }

/** Or what is wrong with them. */
function readParameters(query: string): Parameters | string {
  if (query === '') return NOTHING_ASKED
  const parameters = new URLSearchParams(query)
  const delayMs = readInteger(parameters.getAll('delayMs'), 0, DELAY_LIMIT_MS)
  if (delayMs === null) return `delayMs must be an integer from 0 to ${DELAY_LIMIT_MS}`
  const status = readInteger(parameters.getAll('status'), 400, 599)
  if (status === null) return 'status must be an integer from 400 to 599'
  return { delayMs: delayMs ?? 0, status }
}

/** `undefined` when it is not said, `null` when it is something else, or said twice. */
function readInteger(
  [text, ...more]: readonly string[],
  least: number,
  most: number,
): number | undefined | null {
  if (text === undefined) return undefined
  const value = Number(text)
  return more.length === 0 && /^\d{1,5}$/.test(text) && value >= least && value <= most ? value : null
}
