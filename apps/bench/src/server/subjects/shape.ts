/** What an answer is made of, without what must differ: so it can be told whether two servers answer the same bytes. */
import { once } from 'node:events'
import http from 'node:http'
import { text } from 'node:stream/consumers'

/** Rejects when it is not answered with 200. */
export async function readShape(url: string): Promise<string> {
  // A socket of its own, which it closes; but it does not say so, because the server would answer that.
  const agent = new http.Agent({ keepAlive: true })
  try {
    const request = http.get(url, { agent })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    const body = await text(response)
    if (response.statusCode !== 200) throw new Error(`${url} answered with ${response.statusCode}: ${body}`)
    const headers = Object.entries(response.headers)
      .filter(([name]) => name !== 'date' && name !== 'content-length')
      .map(([name, value]) => `${name}: ${String(value).replace(/dur=[\d.]+/, 'dur=0')}`)
    return [...headers.toSorted(), body.replace(/"style":"[^"]*"/, '"style":""')].join('\n')
  } finally {
    agent.destroy()
  }
}
