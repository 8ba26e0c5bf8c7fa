/** An answer as it goes over the wire: what `node:http` makes of the same headers. */
import { keepAliveHeaders } from './keep-alive.ts'

const always = Object.entries({
  'content-type': 'application/json; charset=utf-8',
  'x-content-type-options': 'nosniff',
  ...keepAliveHeaders,
})
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')

let date = ''

/** `ms`: how long it took. */
export function answerText(body: string, ms: number): string {
  if (date === '') {
    date = new Date().toUTCString()
    setTimeout(() => (date = ''), 1000).unref()
  }
  return (
    `HTTP/1.1 200 OK\r\n${always}content-length: ${Buffer.byteLength(body)}\r\n` +
    `server-timing: total;dur=${ms}\r\ndate: ${date}\r\n\r\n${body}`
  )
}
