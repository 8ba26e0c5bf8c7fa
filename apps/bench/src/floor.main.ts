/**
 * The floor: what somebody would write by hand who wants these two calls and nothing else. A bare
 * `node:http` handler makes them with plain callbacks, through the same port as the demo server.
 *
 * Started by the benchmark, which it tells its address, and its CPU time whenever it is asked.
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { openPort } from '@overlap/backend'
import type { Reservation, Stock } from '@overlap/workload'

const { DATABASE_URL = '', UPSTREAM_URL = '', POOL_MAX = '50' } = process.env
const port = openPort({
  databaseUrl: DATABASE_URL,
  upstreamUrl: UPSTREAM_URL,
  poolMax: Number(POOL_MAX),
})

const server = http.createServer((_request, response) => {
  let stock: Stock | undefined
  let reservation: Reservation | undefined
  const cancelStock = port.findStock('A-42', (error, found) => {
    if (error) return fail(error)
    stock = found
    join()
  })
  const cancelReservation = port.fetchReservation('A-42', (error, fetched) => {
    if (error) return fail(error)
    reservation = fetched
    join()
  })
  function join() {
    if (!stock || !reservation) return
    const { sku, onHand } = stock
    const { reserved } = reservation
    answer(200, { sku, onHand, reserved, available: onHand - reserved })
  }
  function fail(error: Error) {
    cancel()
    answer(502, { title: error.message })
  }
  function answer(status: number, body: object) {
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
    response.end(JSON.stringify(body))
  }
  function cancel() {
    cancelStock()
    cancelReservation()
  }
  response.on('close', cancel)
})

server.listen(0, '127.0.0.1', () => {
  const { port: number } = server.address() as AddressInfo
  process.send?.({ url: `http://127.0.0.1:${number}` })
})
process.on('message', () => process.send?.(process.cpuUsage()))
process.on('disconnect', () => process.exit())
