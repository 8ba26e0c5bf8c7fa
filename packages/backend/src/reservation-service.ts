/**
 * The HTTP service behind the port: how many units of a product are promised to earlier orders. It
 * confirms orders, too. It may have several replicas, which answer the same and share nothing.
 */
import { startReplica, type Ledger, type Replica } from './reservation-replica.ts'

export interface ReservationService {
  /** Of each replica, without a slash at its end; `url` is that of the first. */
  readonly urls: readonly string[]
  readonly url: string
  /** Of each replica, live: read it again; `ledger` is that of the first. */
  readonly ledgers: readonly Ledger[]
  readonly ledger: Ledger
  /** Cuts off what runs. Resolves once every socket has closed. Idempotent. */
  stop(): Promise<void>
}

export interface ReservationServiceOptions {
  /** Of the first replica, any free one by default; the others take any free one. */
  readonly port?: number
  readonly host?: string
  /** How many, at least 1, which is the default. */
  readonly replicas?: number
}

export async function startReservationService(
  options: ReservationServiceOptions = {},
): Promise<ReservationService> {
  const { port = 0, host = '127.0.0.1', replicas: count = 1 } = options
  if (!Number.isSafeInteger(count) || count < 1)
    throw new RangeError('replicas must be an integer of at least 1')
  const first = await startReplica(port, host)
  const others: Replica[] = []
  while (others.length < count - 1) others.push(await startReplica(0, host))
  const replicas = [first, ...others]
  return {
    urls: replicas.map(({ url }) => url),
    url: first.url,
    ledgers: replicas.map(({ ledger }) => ledger),
    ledger: first.ledger,
    stop: async () => void (await Promise.all(replicas.map((replica) => replica.stop()))),
  }
}
