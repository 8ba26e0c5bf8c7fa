import { describe, expect, test } from 'vitest'
import { readToxics, startFaultProxy, type ToxicInput } from '../src/index.ts'
import { createStage, type Flow } from '../src/toxic-stages.ts'

const latency = { type: 'latency', attributes: { latency: 1 } }

describe('reading toxics', () => {
  test('fills in the defaults of Toxiproxy', () => {
    expect(
      readToxics([
        latency,
        { type: 'slicer', stream: 'upstream', attributes: { average_size: 2 } },
        { name: 'mine', type: 'timeout', toxicity: 0, attributes: { timeout: 0 } },
      ]),
    ).toEqual({
      problems: [],
      toxics: [
        {
          name: 'latency_downstream',
          type: 'latency',
          stream: 'downstream',
          toxicity: 1,
          attributes: { latency: 1, jitter: 0 },
        },
        {
          name: 'slicer_upstream',
          type: 'slicer',
          stream: 'upstream',
          toxicity: 1,
          attributes: { average_size: 2, size_variation: 0, delay: 0 },
        },
        { name: 'mine', type: 'timeout', stream: 'downstream', toxicity: 0, attributes: { timeout: 0 } },
      ],
    })
  })

  test('takes what it has answered', () => {
    const { toxics } = readToxics([latency, { type: 'bandwidth', attributes: { rate: 5 } }])
    expect(readToxics(toxics)).toEqual({ toxics, problems: [] })
  })

  test.each([
    ['bandwidth', { rate: 1 }],
    ['slow_close', { delay: 3_600_000 }],
    ['reset_peer', { timeout: 0 }],
    ['slicer', { average_size: 2, size_variation: 1, delay: 3_600_000_000 }],
    ['limit_data', { bytes: Number.MAX_SAFE_INTEGER }],
  ])('takes %s with %o', (type, attributes) => {
    expect(readToxics([{ type, attributes }])).toMatchObject({ problems: [], toxics: [{ attributes }] })
  })

  test.each([
    [undefined, 'toxics', 'an array of at most 16 toxics', null],
    ['latency', 'toxics', 'an array of at most 16 toxics', 'latency'],
    [Array.from({ length: 17 }, () => latency), 'toxics', 'an array of at most 16 toxics', 'an array'],
    [[{ ...latency, extra: 1 }], 'toxics[0].extra', expect.stringMatching(/^no such member, only name/), '1'],
    [[latency, { ...latency, name: '' }], 'toxics[1].name', expect.stringContaining('1 to 64'), ''],
    [[{ ...latency, name: 'a b' }], 'toxics[0].name', expect.stringContaining('letters'), 'a b'],
    [[{ ...latency, name: 'x'.repeat(65) }], 'toxics[0].name', expect.any(String), 'x'.repeat(65)],
    [[{ ...latency, name: null }], 'toxics[0].name', expect.any(String), 'null'],
    [[latency, latency], 'toxics[1].name', expect.stringContaining('no other'), 'latency_downstream'],
    [[{ ...latency, stream: 'both' }], 'toxics[0].stream', 'one of upstream, downstream', 'both'],
    [[{ ...latency, toxicity: 1.1 }], 'toxics[0].toxicity', 'a number from 0 to 1', '1.1'],
    [[{ ...latency, toxicity: -0.1 }], 'toxics[0].toxicity', 'a number from 0 to 1', '-0.1'],
    [[{ ...latency, toxicity: NaN }], 'toxics[0].toxicity', 'a number from 0 to 1', 'NaN'],
    [[{ ...latency, toxicity: '1' }], 'toxics[0].toxicity', 'a number from 0 to 1', '1'],
    [[{ attributes: {} }], 'toxics[0].type', expect.stringMatching(/^one of latency, bandwidth/), null],
    ...['noop', '__proto__', 'constructor', 'Latency', 7].map(
      (type) => [[{ type, attributes: {} }], 'toxics[0].type', expect.any(String), String(type)] as const,
    ),
    [[{ type: 'latency' }], 'toxics[0].attributes', 'an object with latency, jitter', null],
    [[{ type: 'latency', attributes: [1] }], 'toxics[0].attributes', expect.any(String), 'an array'],
  ] as const)('refuses %o and names %s', (list, field, expected, received) => {
    expect(readToxics(list).problems).toEqual([{ field, expected, received }])
  })

  const HOUR = 3_600_000
  const GIGA = 1_000_000_000
  test.each([
    ['latency', {}, 'latency', 0, HOUR],
    ['latency', { latency: 1 }, 'jitter', 0, HOUR],
    ['bandwidth', {}, 'rate', 1, GIGA],
    ['slow_close', {}, 'delay', 0, HOUR],
    ['timeout', {}, 'timeout', 0, HOUR],
    ['reset_peer', {}, 'timeout', 0, HOUR],
    ['slicer', {}, 'average_size', 1, GIGA],
    ['slicer', { average_size: GIGA }, 'size_variation', 0, GIGA],
    ['slicer', { average_size: 1 }, 'delay', 0, HOUR * 1000],
    ['limit_data', {}, 'bytes', 0, Number.MAX_SAFE_INTEGER],
  ])('refuses %s, besides %o, with a %s that is not from %i to %i', (type, besides, name, least, most) => {
    for (const wrong of [least - 1, most + 1, 1.5, NaN, Infinity, '1', null, true]) {
      const attributes = { ...besides, [name]: wrong }
      // Among others, where the size is missing that it is compared with.
      expect(readToxics([{ type, attributes }]).problems).toContainEqual({
        field: `toxics[0].attributes.${name}`,
        expected: `an integer from ${least} to ${most}`,
        received: String(wrong),
      })
    }
  })

  test('refuses an attribute that another toxic has, and a variation that is not below the size', () => {
    expect(
      readToxics([
        { type: 'bandwidth', attributes: { rate: 1, latency: 1 } },
        { type: 'slicer', attributes: { average_size: 2, size_variation: 2 } },
      ]).problems,
    ).toEqual([
      { field: 'toxics[0].attributes.latency', expected: 'no such member, only rate', received: '1' },
      { field: 'toxics[1].attributes.size_variation', expected: 'less than average_size, 2', received: '2' },
    ])
  })

  test('tells all that is wrong at once', () => {
    const { problems } = readToxics([
      { type: 'latency', stream: 'x', attributes: { latncy: 1 } },
      7,
      { type: 'slicer', toxicity: 2, attributes: {} },
    ])
    expect(problems.map(({ field }) => field)).toEqual([
      'toxics[0].stream',
      'toxics[0].attributes.latncy',
      'toxics[0].attributes.latency',
      'toxics[1]',
      'toxics[2].toxicity',
      'toxics[2].attributes.average_size',
    ])
  })
})

describe('a fault proxy', () => {
  test.each([
    { name: 'upstream.host', options: { upstream: { host: '', port: 1 } } },
    ...[0, 65_536, 1.5, NaN].map((port) => ({
      name: 'upstream.port',
      options: { upstream: { host: 'a', port } },
    })),
    ...[-1, 65_536, NaN].map((listenPort) => ({
      name: 'listenPort',
      options: { upstream: { host: 'a', port: 1 }, listenPort },
    })),
  ])('is not started with $options, and names $name', async ({ options, name }) => {
    await expect(startFaultProxy(options)).rejects.toThrow(RangeError)
    await expect(startFaultProxy(options)).rejects.toThrow(name)
  })

  test('refuses wrong toxics with a RangeError that names them, and changes nothing', async () => {
    const proxy = await startFaultProxy({ upstream: { host: '127.0.0.1', port: 1 } })
    try {
      proxy.setToxics([{ type: 'limit_data', attributes: { bytes: 1 } }])
      const before = proxy.toxics
      const wrong: ToxicInput[] = [
        { type: 'latency', attributes: { latency: -1 } },
        { type: 'bandwidth', attributes: { rate: 0 } },
      ]
      expect(() => proxy.setToxics(wrong)).toThrow(
        new RangeError(
          'toxics[0].attributes.latency: expected an integer from 0 to 3600000; ' +
            'toxics[1].attributes.rate: expected an integer from 1 to 1000000000',
        ),
      )
      expect(proxy.toxics).toBe(before)
    } finally {
      await proxy.stop()
    }
  })
})

describe('a slicer', () => {
  /** What comes out when it does not wait. */
  function slice(length: number, size: number, variation: number, random = Math.random): Buffer[] {
    const pieces: Flow[] = []
    const [toxic] = readToxics([
      { type: 'slicer', attributes: { average_size: size, size_variation: variation } },
    ]).toxics
    if (!toxic) throw new Error('it is wrong')
    const bytes = Buffer.from(Array.from({ length }, (_, index) => index % 251))
    const stage = createStage(toxic, (flow) => pieces.push(flow), random)
    stage.take(bytes)
    expect(stage.heldBytes).toBe(0)
    const slices = pieces.filter((piece) => typeof piece !== 'string')
    expect(Buffer.concat(slices).equals(bytes)).toBe(true)
    return slices
  }
  const sizes = (slices: Buffer[]) => slices.map((each) => each.length)

  test('halves what is too long, as Toxiproxy does', () => {
    expect(sizes(slice(100, 30, 0, () => 0))).toEqual([25, 25, 25, 25])
    expect(sizes(slice(100, 100, 0))).toEqual([100])
    expect(sizes(slice(101, 100, 0))).toEqual([50, 51])
    expect(sizes(slice(3, 1, 0))).toEqual([1, 1, 1])
    expect(sizes(slice(120, 100, 20))).toEqual([120])
    // All of the variation less: the middle is 20 bytes before the half.
    expect(sizes(slice(130, 100, 20, () => 0))).toEqual([45, 85])
  })

  test('makes no piece that is empty, or longer than the size and its variation', () => {
    for (let round = 0; round < 200; round++) {
      const size = 1 + Math.floor(Math.random() * 50)
      const variation = Math.floor(Math.random() * size)
      for (const length of sizes(slice(1 + Math.floor(Math.random() * 5000), size, variation))) {
        expect(length).toBeGreaterThan(0)
        expect(length).toBeLessThanOrEqual(size + variation)
      }
    }
  })
})

test('a stage that holds a tiny chunk back counts it as 1 KiB, and as nothing once it has gone', () => {
  const [toxic] = readToxics([{ type: 'latency', attributes: { latency: 1000 } }]).toxics
  if (!toxic) throw new Error('it is wrong')
  const passed: Flow[] = []
  const stage = createStage(toxic, (flow) => passed.push(flow), Math.random)
  const sent = [Buffer.from('a'), Buffer.alloc(5000), 'end'] as const
  for (const flow of sent) stage.take(flow)
  expect([stage.heldBytes, passed]).toEqual([1024 + 5000, []])
  stage.release()
  expect([stage.heldBytes, passed]).toEqual([0, sent])
})
