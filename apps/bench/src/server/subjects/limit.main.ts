/**
 * The limit: the same answer with nothing in between but sockets, written for speed. It parses what it must of the protocols,
 * takes any number of requests at a time over each connection (pipelining), and cancels nothing: how much faster it
 * is than the others is what their libraries, and being able to stop, may cost at most. It is no library.
 *
 * Only GET without a body is understood; whoever sends something else is cut off.
 */
import net from 'node:net'
import { answerText } from './answer-text.ts'
import { RawPostgres } from './raw-postgres.ts'
import { RawService } from './raw-service.ts'
import { sayUrl } from './say-url.ts'

const { DATABASE_URL = '', UPSTREAM_URL = '', POOL_MAX = '20' } = process.env
const pool = Array.from({ length: Number(POOL_MAX) })
const databases = await Promise.all(pool.map(() => RawPostgres.connect(DATABASE_URL)))
const services = pool.map(() => new RawService(UPSTREAM_URL))
let turn = 0

const HEAD_END = Buffer.from('\r\n\r\n')
const HEAD_LIMIT_BYTES = 16 * 1024

/** A request and, once it is there, its answer: answers leave in the order of the requests. */
interface Slot {
  text: string
}

sayUrl(
  net.createServer({ noDelay: true }, (socket) => {
    const slots: Slot[] = []
    let rest: Buffer = Buffer.alloc(0)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      for (let end = bytes.indexOf(HEAD_END); end !== -1; end = bytes.indexOf(HEAD_END)) {
        const line = bytes.toString('latin1', 0, bytes.indexOf('\r\n'))
        bytes = bytes.subarray(end + HEAD_END.length)
        const [, query] = /^GET \/api\/run\/combine\?(\S*) HTTP\/1\.1$/.exec(line) ?? []
        const [, sku] = /(?:^|&)sku=([^&]+)/.exec(query ?? '') ?? []
        if (sku === undefined) {
          socket.destroy()
          return
        }
        const slot: Slot = { text: '' }
        slots.push(slot)
        combine(decodeURIComponent(sku), (text) => {
          slot.text = text
          let out = ''
          while (slots[0] && slots[0].text !== '') out += slots.shift()?.text ?? ''
          if (out !== '') socket.write(out)
        })
      }
      rest = bytes
      if (rest.length > HEAD_LIMIT_BYTES) socket.destroy()
    })
  }),
)

function combine(sku: string, done: (text: string) => void) {
  const startedAt = performance.now()
  const place = turn++ % pool.length
  let onHand: number | undefined
  let reserved: number | undefined
  databases[place]?.findStock(sku, (found) => {
    if (found === undefined) throw new Error(`unknown sku ${sku}`)
    onHand = found
    join()
  })
  services[place]?.fetchReservation(sku, (fetched) => {
    reserved = fetched
    join()
  })
  function join() {
    if (onHand === undefined || reserved === undefined) return
    const result = { sku, onHand, reserved, available: onHand - reserved }
    const ms = Math.round((performance.now() - startedAt) * 10) / 10
    done(answerText(JSON.stringify({ scenario: 'combine', style: 'limit', result }), ms))
  }
}
