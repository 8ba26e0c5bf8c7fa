import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { forkReservationService, startReservationService, type ReservationService } from '../src/index.ts'
import { pictureOf } from '../src/reservation-pictures.ts'
import { alive, runScript } from './child.ts'
import { eventually } from './eventually.ts'

function allowed(path: string) {
  if (path === '/orders') return 'POST'
  return path.startsWith('/orders/') ? 'DELETE' : 'GET'
}

describe('the reservation service', () => {
  let service: ReservationService
  beforeAll(async () => {
    service = await startReservationService()
  })
  afterAll(() => service.stop())

  test.for([
    ['GET', '/reservations/A-42', 200],
    ['GET', '/reservations/A-42?delayMs=0', 200],
    ['GET', '/reservations/A-42?delayMs=10', 200],
    ['GET', '/reservations/A-42?delayMs=10001', 400],
    ['GET', '/reservations/A-42?delayMs=-1', 400],
    ['GET', '/reservations/A-42?delayMs=1.5', 400],
    ['GET', '/reservations/A-42?delayMs=', 400],
    ['GET', '/reservations/A-42?delayMs=1e3', 400],
    ['GET', '/reservations/A-42?delayMs=1&delayMs=2', 400],
    ['GET', '/reservations/A-42?status=503', 503],
    ['GET', '/reservations/A-42?delayMs=10&status=400', 400],
    ['GET', '/reservations/A-42?status=399', 400],
    ['GET', '/reservations/A-42?status=600', 400],
    ['GET', '/reservations/A-42?status=', 400],
    ['GET', '/reservations/A-42?status=503&status=503', 400],
    ['GET', '/reservations/%zz', 400],
    ['GET', '/reservations/', 404],
    ['GET', '/reservations/a/b', 404],
    ['GET', '/', 404],
    ['POST', '/reservations/A-42', 405],
    ['DELETE', '/ledger', 405],
    ['GET', '/orders', 405],
    ['GET', '/orders/o-1', 405],
    ['POST', '/orders/o-1', 405],
    ['DELETE', '/orders', 405],
    ['DELETE', '/orders/%zz', 400],
    ['DELETE', '/orders/nobody-knows-it', 200],
    ['GET', '/pages/P-1?status=503', 503],
    ['GET', '/pages/P-1?delayMs=10&status=400', 400],
    ['GET', '/pages/P-1?delayMs=x', 400],
    ['GET', '/pages/P-11', 404],
    ['GET', '/pages/P-11?delayMs=10', 404],
    ['GET', '/pages/%zz', 400],
    ['GET', '/pages', 404],
    ['POST', '/pages/P-1', 405],
    ['GET', '/pictures/P-1?delayMs=10&status=503', 503],
    ['GET', '/pictures/P-1?delayMs=x', 400],
    ['GET', '/pictures/P-11', 404],
    ['GET', '/pictures/no-picture', 404],
    ['DELETE', '/pictures/P-1', 405],
    ['GET', '/ledger/x', 404],
    ['GET', '/livez', 200],
    ['GET', '/ledger', 200],
  ] as const)('answers %s %s with %i, as JSON', async ([method, path, status]) => {
    const response = await fetch(service.url + path, { method })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('allow')).toBe(status === 405 ? allowed(path) : null)
    expect(await response.json()).toBeTypeOf('object')
  })

  test('forgets a client that goes away, and its timer', async () => {
    const { requests } = service.ledger
    const leave = new AbortController()
    const left = fetch(`${service.url}/reservations/A-42?delayMs=10000`, { signal: leave.signal })
    await eventually('it has arrived', () => service.ledger.openRequests === 1)
    leave.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    await eventually('it is forgotten', () => service.ledger.openRequests === 0)
    expect(service.ledger.requests - requests).toBe(1)
  })

  test.for([
    ['/pages/P-1', 'text/html; charset=utf-8'],
    ['/pages/P-10?delayMs=10', 'text/html; charset=utf-8'],
    ['/pages/no-picture', 'text/html; charset=utf-8'],
    ['/pictures/P-1', 'image/jpeg'],
    ['/pictures/P-10?delayMs=10', 'image/jpeg'],
    ['/pictures/truncated', 'image/jpeg'],
    ['/pictures/not-a-picture', 'image/jpeg'],
  ] as const)(
    'answers %s, enters it in its ledger, and forgets a client that goes away',
    async ([path, type]) => {
      const { requests } = service.ledger
      const response = await fetch(service.url + path)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toBe(type)
      const { byteLength } = await response.arrayBuffer()
      expect(response.headers.get('content-length')).toBe(String(byteLength))
      const leave = new AbortController()
      const slow = `${service.url}${path.split('?')[0]}?delayMs=10000`
      const left = fetch(slow, { signal: leave.signal })
      await eventually('it has arrived', () => service.ledger.openRequests === 1)
      leave.abort(new Error('gone'))
      await expect(left).rejects.toThrow('gone')
      await eventually('it is forgotten', () => service.ledger.openRequests === 0)
      expect(service.ledger.requests - requests).toBe(2)
    },
  )

  test('draws a picture once, for all who ask, and the same one in every process', async () => {
    const [first, second] = await Promise.all([pictureOf('P-7'), pictureOf('P-7')])
    expect(first).toBe(second)
    expect(first).toBe(await pictureOf('P-7'))
    const forked = await forkReservationService()
    const response = await fetch(`${forked.url}/pictures/P-7`)
    expect(first?.equals(Buffer.from(await response.arrayBuffer()))).toBe(true)
    await forked.stop()
  })

  test('tells which parameter it cannot read', async () => {
    const ask = async (query: string) =>
      await (await fetch(`${service.url}/reservations/A-42?${query}`)).json()
    expect(await ask('delayMs=x')).toEqual({ error: 'delayMs must be an integer from 0 to 10000' })
    expect(await ask('status=x')).toEqual({ error: 'status must be an integer from 400 to 599' })
  })

  test('has as many replicas as are wanted, each with a ledger of its own', async () => {
    const own = await startReservationService({ replicas: 3 })
    const [first, second, third] = own.urls
    expect(first).toBe(own.url)
    await fetch(`${second}/reservations/A-42`)
    await fetch(`${third}/reservations/A-42`)
    await fetch(`${third}/reservations/A-42`)
    expect(own.ledgers.map(({ requests }) => requests)).toEqual([0, 1, 2])
    await own.stop()
    for (const url of own.urls) await expect(fetch(url)).rejects.toThrow('fetch failed')
    for (const replicas of [0, 1.5, NaN])
      await expect(startReservationService({ replicas })).rejects.toThrow('replicas must be')
  })

  test('tells its ledger, and does not count the socket that asks', async () => {
    const own = await startReservationService()
    const ledger = async () => await (await fetch(`${own.url}/ledger`)).json()
    const empty = { openRequests: 0, openSockets: 0, requests: 0, sockets: 0, units: {} }
    expect(await ledger()).toEqual(empty)
    expect(await ledger()).toEqual(empty)
    await own.stop()
    await own.stop()
  })
})

describe('the reservation service in a process of its own', () => {
  test('answers, and ends when it is stopped', async () => {
    const forked = await forkReservationService()
    const response = await fetch(`${forked.url}/reservations/A-42`)
    expect(await response.json()).toEqual({ sku: 'A-42', reserved: 2 })
    await forked.stop()
    await forked.stop()
    await expect(fetch(`${forked.url}/livez`)).rejects.toThrow('fetch failed')
  })

  test('that cannot be started is a rejection, and no crash', async () => {
    const parent = await runScript(`
      process.execPath = '/nowhere/node'
      forkReservationService().catch(({ code }) => setTimeout(tell, 10, { code }))
    `)
    expect(await parent.told).toEqual({ code: 'ENOENT' })
    expect(await parent.exit).toBe(0)
  })

  test('has as many replicas as are wanted', async () => {
    const forked = await forkReservationService({ replicas: 2 })
    expect(forked.urls).toHaveLength(2)
    for (const url of forked.urls) expect((await fetch(`${url}/livez`)).status).toBe(200)
    await forked.stop()
  })

  test('tells its address under node --watch, which sends messages of its own', async () => {
    vi.stubEnv('WATCH_REPORT_DEPENDENCIES', '1')
    const forked = await forkReservationService()
    vi.unstubAllEnvs()
    expect((await fetch(`${forked.url}/livez`)).status).toBe(200)
    await forked.stop()
  })

  test.for(['SIGKILL', 'SIGTERM'] as const)(
    'leaves no process when its parent ends by %s',
    async (signal) => {
      const parent = await runScript(`
      const { url } = await forkReservationService()
      tell({ url })
      setInterval(() => {}, 1000)
    `)
      const { url } = await parent.told
      const answers = async () =>
        await fetch(`${url}/livez`).then(
          () => true,
          () => false,
        )
      expect(await answers()).toBe(true)
      parent.kill(signal)
      await eventually('nobody answers', async () => !(await answers()))
    },
  )

  test('outlives the signal that reaches the whole group, until its parent is done', async () => {
    const parent = await runScript(`
      const { url } = await forkReservationService()
      process.on('SIGINT', async () => {
        await new Promise((resolve) => setTimeout(resolve, 50))
        tell({ status: (await fetch(url + '/livez')).status })
        process.exit()
      })
      tell({ url })
      setInterval(() => {}, 1000)
    `)
    await parent.told
    parent.killGroup('SIGINT')
    expect(await parent.next()).toEqual({ status: 200 })
    expect(await parent.exit).toBe(0)
    expect(alive(parent.pid)).toBe(false)
  })

  test('does not keep its parent alive', async () => {
    const parent = await runScript('await forkReservationService()')
    expect(await parent.exit).toBe(0)
  })
})
