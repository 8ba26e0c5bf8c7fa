import { expect, test } from 'vitest'
import { HttpAnswers } from '../src/server/subjects/http-answers.ts'

const answers = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ndate: now\r\n\r\nhello' +
    'HTTP/1.1 503 Busy\r\nDate: now\r\nContent-Length: 0\r\n\r\n' +
    'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n\r\n\r\nis here',
)
const expected = [
  [200, 'hello'],
  [503, ''],
  [200, '\r\n\r\nis here'],
]

test('answers are told apart wherever a chunk ends, and however many are in one', () => {
  for (let cut = 0; cut <= answers.length; cut++) {
    const seen: unknown[] = []
    const reader = new HttpAnswers((status, body) => seen.push([status, body.toString()]))
    // The memory of a chunk is somebody else's as soon as it has been read.
    for (const part of [answers.subarray(0, cut), answers.subarray(cut)]) {
      const chunk = Buffer.from(part)
      reader.read(chunk)
      chunk.fill('x')
    }
    expect(seen).toEqual(expected)
  }
})

test('an answer whose end nobody could tell is refused', () => {
  const reader = new HttpAnswers(() => {})
  const chunk = Buffer.from('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1')
  expect(() => reader.read(chunk)).toThrow('expected an answer with a content-length')
})
