import { Writable } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { type Format, events, formatFor, lines, sendAnswers } from '../src/answers.ts'

/** A client that reads when it is told to. */
function slowClient() {
  let text = ''
  const reads: (() => void)[] = []
  const writable = new Writable({
    decodeStrings: false,
    highWaterMark: 1_000_000,
    write(chunk: string, _encoding, done) {
      reads.push(() => {
        text += chunk
        done()
      })
    },
  })
  return {
    response: writable as unknown as Parameters<typeof sendAnswers>[0],
    read: () => reads.shift()?.(),
    leave: () => writable.destroy(),
    get text() {
      return text
    },
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Reads whatever comes, until nothing comes any more. */
async function readAll(client: ReturnType<typeof slowClient>) {
  for (let reads = 0; reads < 20; reads++) {
    client.read()
    await turn()
  }
  return client.text
}

async function* from(...answers: readonly (number | Error)[]) {
  for (const answer of answers) {
    if (answer instanceof Error) throw answer
    yield await Promise.resolve(answer)
  }
}

const never = new AbortController().signal

const sequence = (answers: AsyncIterable<unknown>, format: Format = lines, signal = never) => ({
  answers,
  signal,
  format,
  begin: vi.fn<() => void>(),
  end: () => ({ style: 'promises' }),
  problem: (error: unknown) => ({ detail: String(error) }),
})

test('sends an answer a line, and an end', async () => {
  const client = slowClient()
  void sendAnswers(client.response, sequence(from(1, 2)))
  expect(await readAll(client)).toBe('{"result":1}\n{"result":2}\n{"end":{"style":"promises"}}\n')
})

test('sends an answer an event, to those who accept events', async () => {
  const client = slowClient()
  void sendAnswers(client.response, sequence(from(1), formatFor('text/event-stream;q=0.9, */*')))
  expect(await readAll(client)).toBe('event: result\ndata: 1\n\nevent: end\ndata: {"style":"promises"}\n\n')
})

test.for([undefined, '*/*', 'application/json', 'application/x-ndjson'])(
  'sends lines to those who accept %s',
  (accept) => {
    expect(formatFor(accept)).toBe(lines)
    expect(formatFor(`${accept}, text/event-stream`)).toBe(events)
  },
)

test('asks for the next answer when the one before has been taken, and not sooner', async () => {
  const client = slowClient()
  let asked = 0
  async function* count() {
    for (;;) yield ++asked
  }
  void sendAnswers(client.response, sequence(count())).catch(() => {})
  await turn()
  expect(asked).toBe(1)
  client.read()
  await turn()
  expect(asked).toBe(2)
  client.leave()
})

test('leaves the sequence when the client leaves', async () => {
  const client = slowClient()
  let left = false
  async function* endless() {
    try {
      for (;;) yield 1
    } finally {
      left = true
    }
  }
  const sent = sendAnswers(client.response, sequence(endless()))
  await turn()
  client.leave()
  client.read()
  await vi.waitFor(() => expect(left).toBe(true))
  await sent.catch(() => {})
})

test('a failure before the first answer is thrown, and nothing has begun', async () => {
  const client = slowClient()
  const error = new Error('lost')
  const failing = sequence(from(error))
  await expect(sendAnswers(client.response, failing)).rejects.toBe(error)
  expect(failing.begin).not.toHaveBeenCalled()
})

test('a failure on the way is the last frame', async () => {
  const client = slowClient()
  void sendAnswers(client.response, sequence(from(1, new Error('lost'))))
  expect(await readAll(client)).toBe('{"result":1}\n{"problem":{"detail":"Error: lost"}}\n')
})

test('of no answers, there is an end', async () => {
  const client = slowClient()
  const empty = sequence(from())
  void sendAnswers(client.response, empty)
  expect(await readAll(client)).toBe('{"end":{"style":"promises"}}\n')
  expect(empty.begin).toHaveBeenCalledTimes(1)
})

test('does not wait for a client whose connection takes nothing and says nothing, once the run is aborted', async () => {
  const controller = new AbortController()
  const reason = new Error('the client has left')
  const ended: unknown[] = []
  const response = { write: () => false, end: (text: unknown) => ended.push(text) } as unknown
  let left = false
  async function* endless() {
    try {
      for (;;) yield 1
    } finally {
      left = true
    }
  }
  const sent = sendAnswers(
    response as Parameters<typeof sendAnswers>[0],
    sequence(endless(), lines, controller.signal),
  )
  await turn()
  controller.abort(reason)
  expect(await sent).toEqual({ error: reason })
  expect(left).toBe(true)
  expect(ended).toHaveLength(1)
})
