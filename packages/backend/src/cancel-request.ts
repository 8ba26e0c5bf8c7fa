/**
 * Asks Postgres to interrupt what a connection is running: the protocol's CancelRequest.
 *
 * It travels on a socket of its own, because the connection is busy. It names a backend, not a query:
 * one that arrives late hits whatever that backend runs by then. Postgres closes the socket once the
 * signal has been sent, and it is only then that the connection may run anything else.
 *
 * Source: https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { PgConnection, type PgClient } from './pg-client.ts'

/**
 * `closed` is called once, later, when the socket has closed; it tells whether the request was
 * delivered. Hands back how to close the socket before that.
 *
 * `address` is the address that `client` is connected to: a host name may stand for several servers.
 */
export function sendCancelRequest(
  client: PgClient,
  address: string | undefined,
  closed: (delivered: boolean) => void,
): () => void {
  const config = { ssl: sslFor(client), sslNegotiation: client.sslNegotiation }
  const connection = new PgConnection(config)
  let delivered = false

  connection.once(client.ssl ? 'sslconnect' : 'connect', () => {
    delivered = true
    connection.cancel(client.processID, client.secretKey)
  })
  if (client.ssl && client.sslNegotiation !== 'direct')
    connection.once('connect', () => connection.requestSsl())
  connection.on('error', () => {
    delivered = false
    connection.stream.destroy()
  })
  connection.once('end', () => closed(delivered))

  if (client.host.startsWith('/')) connection.connect(`${client.host}/.s.PGSQL.${client.port}`)
  else connection.connect(client.port, address ?? client.host)

  return () => {
    delivered = false
    connection.stream.destroy()
  }
}

/** The certificate is checked against the name that `client` was given, whatever the address. */
function sslFor({ ssl, host }: { readonly ssl: boolean | ConnectionOptions; readonly host: string }) {
  if (!ssl || isIP(host) !== 0) return ssl
  if (ssl === true) return { servername: host }
  // `pg` hides the key from enumeration, so that it is not printed.
  return { ...ssl, key: ssl.key, servername: host }
}
