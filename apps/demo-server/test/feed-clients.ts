/** Clients of the feed, one for each way: what they are told, one message after the other, until they leave. */
import { once } from 'node:events'
import http from 'node:http'
import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'

export interface Entry {
  readonly id: string
  readonly channel: string
  readonly text: string | null
}

export interface Client {
  /** In the order in which they came. */
  readonly entries: Entry[]
  /** What it was told last: a problem, or a close code. */
  readonly end: Promise<unknown>
  /** The signs of life that it was sent. */
  beats: number
  readonly leave: () => void
  readonly pause: () => void
  readonly resume: () => void
}

export interface Asked {
  readonly channels: string
  readonly after?: string | undefined
  readonly style?: string | undefined
  readonly capacity?: number
}

function queryOf(asked: Asked): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(asked)) if (value !== undefined) query.set(name, String(value))
  return query.toString()
}

interface Answer {
  messages: Entry[]
  last: string
}

export async function ask(url: string, asked: Asked, waitMs = 0, signal?: AbortSignal): Promise<Answer> {
  const response = await fetch(`${url}/api/feed?${queryOf(asked)}&waitMs=${waitMs}`, signal && { signal })
  const body = (await response.json()) as Answer
  if (response.status !== 200) throw new Error(JSON.stringify(body))
  return body
}

const nothing = () => {}

/** Asks again and again, with the id of the last message. */
function openPolling(waitMs: number) {
  return async (url: string, asked: Asked): Promise<Client> => {
    const left = new AbortController()
    const entries: Entry[] = []
    let { messages, last } = await ask(url, asked)
    const poll = async () => {
      for (;;) {
        entries.push(...messages)
        ;({ messages, last } = await ask(url, { ...asked, after: last }, waitMs, left.signal))
        if (waitMs === 0) await sleep(10)
      }
    }
    const end = poll().catch((error: unknown) => error)
    return { entries, end, beats: 0, leave: () => left.abort(), pause: nothing, resume: nothing }
  }
}

/** `after` goes into the header, as an `EventSource` that reconnects does it. */
async function openEvents(url: string, { after, ...asked }: Asked): Promise<Client> {
  const request = http.get(`${url}/api/feed?${queryOf(asked)}`, {
    headers: { accept: 'text/event-stream', ...(after && { 'last-event-id': after }) },
    agent: false,
  })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  if (response.statusCode !== 200) throw new Error(String(response.statusCode))
  const entries: Entry[] = []
  const { promise: end, resolve } = Promise.withResolvers<unknown>()
  let text = ''
  const client = {
    entries,
    end,
    beats: 0,
    leave: () => response.destroy(),
    pause: () => void response.pause(),
    resume: () => void response.resume(),
  }
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    if (!chunk.includes('\n\n')) return
    const frames = text.split('\n\n')
    text = frames.pop() ?? ''
    for (const frame of frames) {
      if (frame.startsWith(':')) client.beats++
      const [, id, data] = /^id: (.+)\ndata: (.+)$/s.exec(frame) ?? []
      if (id && data) entries.push({ id, ...(JSON.parse(data) as { channel: string; text: string | null }) })
      const [, problem] = /^event: problem\ndata: (.+)$/s.exec(frame) ?? []
      if (problem) resolve(JSON.parse(problem))
    }
  })
  response.on('error', () => {}).on('close', () => resolve('cut off'))
  return client
}

async function openWebSocket(url: string, asked: Asked): Promise<Client> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/feed?${queryOf(asked)}`)
  const entries: Entry[] = []
  const { promise: end, resolve } = Promise.withResolvers<unknown>()
  const client = {
    entries,
    end,
    beats: 0,
    leave: () => socket.terminate(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  }
  socket.on('message', (data: Buffer, binary) => {
    if (!binary) entries.push(JSON.parse(data.toString()) as Entry)
  })
  socket.on('ping', () => client.beats++)
  socket.on('error', () => {}).on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  await once(socket, 'open')
  return client
}

export const clients = {
  polling: openPolling(0),
  'long polling': openPolling(30_000),
  'server-sent events': openEvents,
  WebSocket: openWebSocket,
}
