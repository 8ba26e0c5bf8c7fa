/**
 * The two classes of `pg` that stand below the lender, with the fields that its types leave out.
 *
 * The server is asked to look, every 50 ms while it works, whether its client is still there. That is
 * the backstop for a client that died without a word; without it, Postgres notices at the end. A client
 * that is gone in the middle of a transaction, between two queries, holds its locks for a minute at most.
 */
import { Client, Connection } from 'pg'
import { ANSWER_TIMEOUT_MS } from './calls.ts'

const CONNECT_TIMEOUT_MS = 5_000
/** Longer than any call takes that a transaction may wait for. */
const IDLE_IN_TRANSACTION_MS = 60_000
const BACKSTOPS = `-c client_connection_check_interval=50 -c idle_in_transaction_session_timeout=${IDLE_IN_TRANSACTION_MS}`

export class PgClient extends Client {
  declare readonly connectionParameters: { options?: string }
  declare readonly sslNegotiation: string
  /** The key that a CancelRequest carries: which backend to interrupt, and the right to do so. */
  declare readonly processID: number
  declare readonly secretKey: number
  /** How long the server may take to answer a query. */
  readonly answerTimeoutMs: number

  /** Connects to nothing yet. Throws if `databaseUrl` cannot be read. */
  constructor(databaseUrl: string, applicationName: string, answerTimeoutMs = ANSWER_TIMEOUT_MS) {
    super({
      connectionString: databaseUrl,
      application_name: applicationName,
      connectionTimeoutMillis: Math.min(CONNECT_TIMEOUT_MS, answerTimeoutMs),
      keepAlive: true,
    })
    this.answerTimeoutMs = answerTimeoutMs
    // What DATABASE_URL or PGOPTIONS says comes last, and so it wins.
    const { options } = this.connectionParameters
    this.connectionParameters.options = options ? `${BACKSTOPS} ${options}` : BACKSTOPS
  }
}

/** A socket that speaks the protocol, with nothing sent on it yet. */
export class PgConnection extends Connection {
  declare readonly connect: (portOrPath: number | string, host?: string) => void
  declare readonly requestSsl: () => void
  declare readonly cancel: (processId: number, secretKey: number) => void
}
