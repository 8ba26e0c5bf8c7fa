/** What can be wrong with the reservation service, how it is made to be, and what becomes of a run. */
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { Ending } from './endings.ts'
import { type Answer, reply, reservation } from './faulty-service.ts'

export interface ServiceFault {
  /** "A service that …" */
  readonly fault: string
  readonly injected: string
  readonly ends: Ending
  readonly answer: Answer
  /** It does not listen. */
  readonly refuses?: boolean
  /** Nothing tells that anything is wrong, but that it takes so long. */
  readonly silent?: boolean
}

const sends =
  (text: string | Buffer): Answer =>
  (socket) =>
    socket.write(text)

/** That is all, and it is refused for what it says: the status alone, because the answer was read. */
const unreadable: Ending = { error: 'HttpError', kind: 'permanent', status: 200 }

function body(fault: string, text: string, injected = `\`${text}\``): ServiceFault {
  return { fault, injected, ends: unreadable, answer: sends(reply(text)) }
}

const statusFaults = [
  [400, 'permanent'],
  [401, 'permanent'],
  [403, 'permanent'],
  [404, 'permanent'],
  [408, 'permanent'],
  [409, 'permanent'],
  [418, 'permanent'],
  [429, 'transient'],
  [500, 'permanent'],
  [502, 'transient'],
  [503, 'transient'],
  [504, 'late'],
  [201, 'permanent'],
  [204, 'permanent'],
] as const

const MIB = 2 ** 20

/** Writes for as long as anybody takes it. */
async function pour(socket: Parameters<Answer>[0], head: string, piece: string, pieces: number) {
  socket.write(head)
  for (let n = 0; n < pieces && !socket.destroyed; n++) {
    if (!socket.write(piece))
      await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve))
  }
}

/** A reservation in the midst of 32 MiB of spaces, in 32 KiB. */
const bomb = gzipSync(`${reservation}${' '.repeat(32 * MIB)}`)

export const serviceFaults: readonly ServiceFault[] = [
  {
    fault: 'refuses the connection',
    injected: 'no listener on its port',
    ends: { error: 'HttpError', kind: 'transient', code: 'ECONNREFUSED' },
    answer: () => {},
    refuses: true,
  },
  {
    fault: 'never answers',
    injected: 'takes the request, and says nothing',
    ends: { error: 'HttpError', kind: 'late', code: 'ETIMEDOUT' },
    answer: () => {},
    silent: true,
  },
  {
    fault: 'never ends its answer',
    injected: 'half of the body, and nothing more',
    ends: { error: 'HttpError', kind: 'late', code: 'ETIMEDOUT', status: 200 },
    answer: sends(reply('{"sku":', undefined, reservation.length)),
    silent: true,
  },
  {
    fault: 'drips its answer',
    injected: 'a space every 20 ms',
    ends: { error: 'HttpError', kind: 'late', code: 'ETIMEDOUT', status: 200 },
    answer(socket) {
      socket.write(reply('', undefined, 60_000))
      const drip = setInterval(() => socket.write(' '), 20)
      socket.once('close', () => clearInterval(drip))
    },
    silent: true,
  },
  {
    fault: 'resets the connection before it answers',
    injected: 'RST after the request',
    ends: { error: 'HttpError', kind: 'transient', code: 'ECONNRESET' },
    answer: (socket) => socket.resetAndDestroy(),
  },
  {
    fault: 'closes the connection before it answers',
    injected: 'FIN after the request',
    ends: { error: 'HttpError', kind: 'transient', code: 'UND_ERR_SOCKET' },
    answer: (socket) => socket.end(),
  },
  {
    fault: 'resets the connection in the middle of its answer',
    injected: 'half of the body, and RST 10 ms later',
    ends: { error: 'HttpError', kind: 'transient', code: 'ECONNRESET', status: 200 },
    async answer(socket) {
      socket.write(reply('{"sku":', undefined, reservation.length))
      await sleep(10)
      socket.resetAndDestroy()
    },
  },
  {
    fault: 'closes the connection before its Content-Length',
    injected: 'half of the body, and FIN',
    ends: { error: 'HttpError', kind: 'transient', code: 'UND_ERR_SOCKET', status: 200 },
    answer: (socket) => socket.end(reply('{"sku":', undefined, reservation.length)),
  },
  {
    fault: 'closes the connection before its Content-Length, as it has said',
    injected: '`Connection: close`, half of the body, and FIN',
    ends: { error: 'HttpError', kind: 'transient', code: 'UND_ERR_SOCKET', status: 200 },
    answer: (socket) =>
      socket.end(reply('{"sku":', 'HTTP/1.1 200 OK\r\nConnection: close', reservation.length)),
  },
  {
    fault: 'closes the connection before the last chunk',
    injected: 'the first chunk, and FIN',
    ends: { error: 'HttpError', kind: 'transient', code: 'UND_ERR_SOCKET', status: 200 },
    answer: (socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"sku":\r\n'),
  },
  ...statusFaults.map(([status, kind]): ServiceFault => ({
    fault: `answers ${status}`,
    injected: status === 204 ? 'that status, without a body' : 'that status, with a reservation',
    ends: { error: 'HttpError', kind, status },
    answer: sends(status === 204 ? 'HTTP/1.1 204 -\r\n\r\n' : reply(reservation, `HTTP/1.1 ${status} -`)),
  })),
  ...[301, 302, 307, 308].map((status): ServiceFault => ({
    fault: `redirects with ${status}`,
    injected: '`Location: /sound/reservations/A-42`, where the right answer is; never asked',
    ends: { error: 'HttpError', kind: 'permanent', status },
    answer: sends(reply(reservation, `HTTP/1.1 ${status} -\r\nLocation: /sound/reservations/A-42`)),
  })),
  {
    fault: 'answers 500 and never ends its answer',
    injected: 'half of the body, and nothing more',
    ends: { error: 'HttpError', kind: 'permanent', status: 500 },
    answer: sends(reply('12345', 'HTTP/1.1 500 -', 10)),
  },
  {
    fault: 'calls its JSON something else',
    injected: '`Content-Type: text/html`',
    ends: 'answers',
    answer: sends(reply(reservation, 'HTTP/1.1 200 OK\r\nContent-Type: text/html')),
  },
  {
    fault: 'calls something else JSON',
    injected: '`Content-Type: application/json`, and a page',
    ends: unreadable,
    answer: sends(reply('<!doctype html>', 'HTTP/1.1 200 OK\r\nContent-Type: application/json')),
  },
  body('answers with nothing', '', '`Content-Length: 0`'),
  body('answers with no JSON', '{reserved: 2}'),
  body('answers with half of its JSON', reservation.slice(0, -1)),
  body('answers with a byte order mark', `\uFEFF${reservation}`, 'the right answer behind it'),
  body('answers with 30,000 nested arrays', '['.repeat(30_000) + ']'.repeat(30_000), '60,000 brackets'),
  body('leaves the sku out', '{"reserved":2}'),
  body('leaves the reservation out', '{"sku":"A-42"}'),
  body('answers for another product', '{"sku":"A-1","reserved":2}'),
  body('answers with text for a count', '{"sku":"A-42","reserved":"2"}'),
  body('answers with null for a count', '{"sku":"A-42","reserved":null}'),
  body('answers with a count below zero', '{"sku":"A-42","reserved":-1}'),
  body('answers with half a unit', '{"sku":"A-42","reserved":0.5}'),
  body('answers with more than a number holds', '{"sku":"A-42","reserved":1e400}'),
  body('answers with 2^53 + 1', '{"sku":"A-42","reserved":9007199254740993}'),
  body('answers with a list', `[${reservation}]`),
  body('answers with null', 'null'),
  {
    fault: 'answers with 1 GiB',
    injected: 'the right answer behind 1 GiB of spaces; cut off at 64 KiB',
    ends: { ...unreadable, message: /too long/ },
    answer: (socket) => pour(socket, reply('', undefined, 2 ** 30), ' '.repeat(2 ** 16), 2 ** 14),
  },
  {
    fault: 'answers without end',
    injected: 'chunks of spaces; cut off at 64 KiB',
    ends: { ...unreadable, message: /too long/ },
    answer: (socket) =>
      pour(
        socket,
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
        `10000\r\n${' '.repeat(2 ** 16)}\r\n`,
        2 ** 14,
      ),
  },
  {
    fault: 'answers with a gzip bomb',
    injected: '32 KiB that would be 32 MiB; never unpacked',
    ends: { ...unreadable, message: /something else than a reservation/ },
    answer: (socket) => {
      socket.write(reply('', 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip', bomb.length))
      socket.write(bomb)
    },
  },
  {
    fault: 'does not speak HTTP',
    injected: '`SSH-2.0-OpenSSH_9.2`',
    ends: { error: 'HttpError', kind: 'permanent' },
    answer: sends('SSH-2.0-OpenSSH_9.2\r\n'),
  },
  {
    fault: 'sends a head that is too long',
    injected: 'a field of 64 KiB',
    ends: { error: 'HttpError', kind: 'permanent', code: 'UND_ERR_HEADERS_OVERFLOW' },
    answer: sends(reply(reservation, `HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(2 ** 16)}`)),
  },
  {
    fault: 'sends a chunk of a length that is none',
    injected: 'chunk length `zz`',
    ends: { error: 'HttpError', kind: 'permanent', status: 200 },
    answer: sends(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n${reservation}\r\n0\r\n\r\n`),
  },
  {
    fault: 'says twice how long its answer is',
    injected: '`Content-Length: 27` and `Content-Length: 5`',
    ends: { error: 'HttpError', kind: 'permanent', code: 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' },
    answer: sends(reply(reservation, 'HTTP/1.1 200 OK\r\nContent-Length: 5')),
  },
  {
    fault: 'says in two ways how long its answer is',
    injected: '`Content-Length` and `Transfer-Encoding: chunked`',
    ends: { error: 'HttpError', kind: 'permanent' },
    answer: sends(reply('0\r\n\r\n', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked')),
  },
  {
    fault: 'answers twice',
    injected: 'a second answer right behind the first, of 9 units; nobody gets it',
    ends: 'answers',
    answer: sends(reply(reservation) + reply('{"sku":"A-42","reserved":9}')),
  },
  {
    fault: 'answers byte by byte',
    injected: 'a segment for each byte',
    ends: 'answers',
    async answer(socket) {
      socket.setNoDelay()
      for (const byte of reply(reservation)) {
        socket.write(byte)
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  },
  {
    fault: 'says something before it answers',
    injected: '103 Early Hints',
    ends: 'answers',
    answer: sends(`HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${reply(reservation)}`),
  },
]
