import { once } from 'node:events'
import net from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { HeldLoad } from '../src/server/held-load.ts'

/** `answer`: of the nth request over a connection, from 0. Tells how many have connected. */
async function listen(answer: (socket: net.Socket, request: number) => void) {
  const sockets = new Set<net.Socket>()
  let accepted = 0
  const server = net.createServer((socket) => {
    accepted++
    sockets.add(socket)
    let requests = 0
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', () => answer(socket, requests++))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const load = new HeldLoad(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}/`)
  onTestFinished(async () => {
    load.close()
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return { load, sockets, accepted: () => accepted }
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

test('connections are held from one slice to the next, and only those are opened that are missing', async () => {
  const { load, accepted } = await listen((socket) => socket.write(OK))
  await load.open(3)
  const first = await load.run(3, 0.02)
  expect(first.answers).toBeGreaterThan(3)
  await load.open(5)
  await load.run(2, 0)
  expect(accepted()).toBe(5)
})

test('a slice ends when all that was sent has been answered, and counts all of it', async () => {
  let answered = 0
  const { load } = await listen((socket) => setTimeout(() => socket.write(OK, () => answered++), 5))
  await load.open(4)
  const { answers, ms, p50, p99 } = await load.run(4, 0.02)
  expect(answers).toBe(answered)
  expect(p50).toBeGreaterThan(4)
  expect(p99).toBeLessThanOrEqual(ms)
})

test('what a server has closed is opened anew before a slice, what it has not is held, and a request over each is not counted', async () => {
  const { load, sockets, accepted } = await listen((socket) => socket.write(OK))
  await load.open(3)
  const [first] = sockets
  first?.destroy()
  await vi.waitUntil(() => sockets.size === 2)
  await new Promise((resolve) => setImmediate(resolve))
  await load.prime(3)
  expect(accepted()).toBe(4)
  expect((await load.run(3, 0)).answers).toBe(3)
})

test('a connection that is closed under load fails the slice', async () => {
  const { load } = await listen((socket, request) => (request < 2 ? socket.write(OK) : socket.destroy()))
  await load.open(2)
  await expect(load.run(2, 5)).rejects.toThrow('the server has closed a connection')
})

test('an answer that is no success fails the slice', async () => {
  const { load } = await listen((socket) => socket.write(OK.replace('200', '503')))
  await load.open(1)
  await expect(load.run(1, 5)).rejects.toThrow('answered with 503')
})
