/** Stands between the port and the reservation service, and answers in its place when a test says so. */
import { once } from 'node:events'
import http from 'node:http'

export interface Gateway {
  readonly url: string
  /** The methods of the requests so far. */
  readonly methods: string[]
  /** The status to answer with; `undefined` carries the request on. */
  intercept: (method: string) => number | undefined
  stop(): Promise<void>
}

export async function startGateway(serviceUrl: string, port = 0): Promise<Gateway> {
  const server = http.createServer((request, response) => {
    const { method = '', url = '', headers } = request
    gateway.methods.push(method)
    const status = gateway.intercept(method)
    if (status !== undefined) {
      response.writeHead(status).end('{}')
      return
    }
    const onward = http.request(serviceUrl + url, { method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    response.once('close', () => onward.destroy())
    request.pipe(onward)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('it listens on no port')
  const gateway: Gateway = {
    url: `http://127.0.0.1:${address.port}`,
    methods: [],
    intercept: () => undefined,
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return gateway
}
