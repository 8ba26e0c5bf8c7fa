/** What the server makes of galleries. The style answers what the test says: nothing here is about I/O. */
import {
  HttpError,
  PictureError,
  WorkerError,
  type Gallery,
  type Style,
  type ThumbnailsInput,
} from '@overlap/workload'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { buildApp } from '../src/app.ts'
import { styles } from '../src/styles.ts'
import { page } from './page.ts'
import { ScriptedPort } from './scripted-port.ts'
import { silent } from './silent.ts'

const url = '/api/run/thumbnails'
let app: FastifyInstance
let asked: ThumbnailsInput[]
let thumbnails: () => Promise<readonly Gallery[]>

beforeAll(async () => {
  const scripted = styles.map((style): Style => ({
    ...style,
    thumbnails: (_port, input) => {
      asked.push(input)
      return thumbnails()
    },
  }))
  app = buildApp({ port: new ScriptedPort(), styles: scripted, initialStyle: 'promises', page, log: silent })
  await app.ready()
})
afterAll(() => app.close())
beforeEach(() => {
  asked = []
  thumbnails = async () => []
})

describe('thumbnails', () => {
  test('are those of the talk when nothing else is asked for', async () => {
    expect((await app.inject(url)).statusCode).toBe(200)
    expect(asked).toMatchObject([
      {
        pages: ['P-1', 'P-2', 'P-3', 'P-4', 'P-5', 'P-6', 'P-7', 'P-8', 'P-9', 'P-10'],
        widths: [100, 200, 300, 400, 500],
        limit: 4,
      },
    ])
  })

  test('are of the pages and widths that are asked for, as often as they are', async () => {
    await app.inject(`${url}?pages=truncated,P-1,P-1&widths=500,1,1&limit=1`)
    expect(asked).toMatchObject([{ pages: ['truncated', 'P-1', 'P-1'], widths: [500, 1, 1], limit: 1 }])
  })

  test('come as data URLs, and what is wrong with a page in its place', async () => {
    // Views of a larger memory: only what they show is sent.
    const memory = new Uint8Array([0, 255, 254, 7])
    const [webp, empty] = [memory.subarray(1, 3), memory.subarray(2, 2)]
    thumbnails = async () => [
      { page: 'P-1', thumbnails: [{ width: 2, height: 1, bytes: webp }] },
      { page: 'P-11', error: new HttpError('it answered with status 404', { status: 404 }) },
      {
        page: 'P-2',
        error: new HttpError('it was lost', { code: 'ECONNRESET', cause: new Error('secret') }),
      },
      { page: 'truncated', error: new PictureError('/pictures/truncated: it is damaged') },
      { page: 'P-3', thumbnails: [{ width: 1, height: 1, bytes: empty }] },
      { page: 'P-4', thumbnails: [] },
    ]
    const response = await app.inject(url)
    expect(response.json()).toEqual({
      scenario: 'thumbnails',
      style: 'promises',
      result: [
        { page: 'P-1', thumbnails: [{ width: 2, height: 1, url: 'data:image/webp;base64,//4=' }] },
        { page: 'P-11', error: { name: 'HttpError', status: 404, message: 'it answered with status 404' } },
        { page: 'P-2', error: { name: 'HttpError', message: 'it was lost' } },
        { page: 'truncated', error: { name: 'PictureError', message: '/pictures/truncated: it is damaged' } },
        { page: 'P-3', thumbnails: [{ width: 1, height: 1, url: 'data:image/webp;base64,' }] },
        { page: 'P-4', thumbnails: [] },
      ],
    })
  })

  test('that no thread can make are a defect, which tells nothing', async () => {
    thumbnails = () =>
      Promise.reject(new WorkerError('a worker thread has failed', { cause: new Error('secret') }))
    const response = await app.inject(url)
    expect(response.statusCode).toBe(500)
    expect(response.body).not.toMatch(/secret|thread/)
  })

  test.each([
    ['pages=', ['pages']],
    ['pages=P-1,,P-2', ['pages']],
    ['pages=../ledger', ['pages']],
    ['pages=http://127.0.0.1/', ['pages']],
    [`pages=${'P,'.repeat(20)}P`, ['pages']],
    ['widths=', ['widths']],
    ['widths=0', ['widths']],
    ['widths=501', ['widths']],
    ['widths=100,1e2', ['widths']],
    ['widths=1,2,3,4,5,6,7,8,9,10,11', ['widths']],
    ['limit=0', ['limit']],
    ['limit=101', ['limit']],
    ['sku=A-42&pages=x!&widths=-1&limit=x', ['sku', 'pages', 'widths', 'limit']],
  ])('refuses %s, names each field, and starts nothing', async (query, fields) => {
    const response = await app.inject(`${url}?${query}`)
    expect(response.statusCode).toBe(400)
    expect(response.json<{ errors: { field: string }[] }>().errors.map(({ field }) => field)).toEqual(fields)
    expect(asked).toEqual([])
  })

  test('are linked from the page as they are, without a parameter that they do not take', async () => {
    const linked = async (name: string) => (await app.inject(`/?scenario=${name}`)).body
    expect(await linked('thumbnails')).toContain('"/api/run/thumbnails?style=promises"')
    expect(await linked('combine')).toContain('"/api/run/combine?style=promises&amp;sku=A-42"')
    expect(await linked('limit')).toContain('"/api/run/limit?style=promises&amp;skus=A-1,A-2,A-3"')
  })

  test('show in the metrics who is at work on them', async () => {
    const { body } = await app.inject('/metrics')
    expect(body).toContain('overlap_resizes{state="running"} 0\noverlap_resizes{state="waiting"} 0\n')
  })
})
