import { describe, expect, test } from 'vitest'
import { parseEnvironment } from '../src/environment.ts'

describe('environment', () => {
  test('an empty environment, or one of empty strings, gives the defaults', () => {
    const defaults = {
      port: 8888,
      host: '127.0.0.1',
      echoPort: 0,
      echoConnections: 1000,
      style: 'promises',
      databaseUrl: undefined,
      poolMax: 50,
      admit: { maxRuns: 10_000, maxWaitMs: 50, maxLagMs: 10 },
      upstreamUrls: undefined,
      rules: [{ header: 'foo', value: 'bar', limit: 2, perSecond: undefined, queue: 100, agingMs: 1000 }],
      faults: false,
      adminToken: undefined,
      suiteFile: undefined,
      logLevel: 'warn',
    }
    const empty = { PORT: '', HOST: '', STYLE: '', DATABASE_URL: '', POOL_MAX: '', UPSTREAM_URL: '' }
    expect(parseEnvironment({})).toEqual({ settings: defaults })
    expect(parseEnvironment({ ...empty, REGULATE: '', ADMIN_TOKEN: '', LOG_LEVEL: '' })).toEqual({
      settings: defaults,
    })
  })

  test.each([
    [{ PORT: '0' }, { port: 0 }],
    [{ PORT: '65535' }, { port: 65_535 }],
    [{ ECHO_PORT: '65531' }, { echoPort: 65_531 }],
    [{ ECHO_CONNECTIONS: '1' }, { echoConnections: 1 }],
    [{ HOST: '::1' }, { host: '::1' }],
    [{ HOST: 'localhost' }, { host: 'localhost' }],
    [
      { HOST: '0.0.0.0', ADMIN_TOKEN: '0123456789abcdef' },
      { host: '0.0.0.0', adminToken: '0123456789abcdef' },
    ],
    [{ STYLE: 'effect' }, { style: 'effect' }],
    [{ POOL_MAX: '1000' }, { poolMax: 1000 }],
    [{ MAX_RUNS: '1' }, { admit: { maxRuns: 1, maxWaitMs: 50, maxLagMs: 10 } }],
    [
      { MAX_RUNS: '100000', MAX_WAIT_MS: '600000', MAX_LAG_MS: '600000' },
      { admit: { maxRuns: 100_000, maxWaitMs: 600_000, maxLagMs: 600_000 } },
    ],
    [{ DATABASE_URL: 'postgres://u:p%40@[::1]:5432/d?sslmode=require' }, {}],
    [{ DATABASE_URL: 'postgresql://u@/d?host=/run/postgresql' }, {}],
    [{ UPSTREAM_URL: 'https://service.example/base' }, { upstreamUrls: ['https://service.example/base'] }],
    [{ UPSTREAM_URL: 'http://a:1,http://b:2' }, { upstreamUrls: ['http://a:1', 'http://b:2'] }],
    [{ REGULATE: '[]' }, { rules: [] }],
    [{ FAULTS: 'false' }, { faults: false }],
    [
      { FAULTS: 'true', DATABASE_URL: 'postgres://u@h/d?sslmode=disable', UPSTREAM_URL: 'http://h:1/base' },
      { faults: true },
    ],
    [
      { REGULATE: ' [{"header":"Foo","value":"bar","limit":1,"perSecond":1000,"queue":0,"agingMs":0}] ' },
      { rules: [{ header: 'foo', value: 'bar', limit: 1, perSecond: 1000, queue: 0, agingMs: 0 }] },
    ],
    [
      { REGULATE: '[{"header":"x-client","limit":10000},{"header":"x-client","value":"a b","limit":2}]' },
      {
        rules: [
          { header: 'x-client', value: undefined, limit: 10_000, queue: 100, agingMs: 1000 },
          { header: 'x-client', value: 'a b', limit: 2, queue: 100, agingMs: 1000 },
        ],
      },
    ],
    [{ SUITE_FILE: '/tmp/suite.json' }, { suiteFile: '/tmp/suite.json' }],
    [{ LOG_LEVEL: 'silent' }, { logLevel: 'silent' }],
  ])('takes %o', (env, expected) => {
    expect(parseEnvironment(env).settings).toMatchObject(expected)
  })

  test.each([
    ...['65536', '-1', '1e3', '0x10', '80 ', ' ', '1.5', '１２', '007', 'NaN'].map((PORT) => ({ PORT })),
    ...['65532', '-1', '9000-9004', 'any'].map((ECHO_PORT) => ({ ECHO_PORT })),
    ...['0', '10001', 'many'].map((ECHO_CONNECTIONS) => ({ ECHO_CONNECTIONS })),
    ...['0', '1001', '5,0', '99999999999999999999'].map((POOL_MAX) => ({ POOL_MAX })),
    ...['0', '100001', 'Infinity'].map((MAX_RUNS) => ({ MAX_RUNS })),
    ...['0', '600001', '1s'].map((MAX_WAIT_MS) => ({ MAX_WAIT_MS })),
    ...['0', '600001', '0.5'].map((MAX_LAG_MS) => ({ MAX_LAG_MS })),
    ...['a b', 'http://127.0.0.1', '127.0.0.1:80', '[::1]', '"127.0.0.1"', ''.padEnd(254, 'a')].map(
      (HOST) => ({ HOST }),
    ),
    ...['Promises', 'promise', '__proto__', 'constructor', '../promises', 'toString'].map((STYLE) => ({
      STYLE,
    })),
    ...['localhost:5432', 'mysql://u:p@h/d', 'postgres://', ' postgres://h/d'].map((DATABASE_URL) => ({
      DATABASE_URL,
    })),
    // What cannot be read later is told now.
    ...['postgres://u:p@h:99999/d', 'postgres://u:p/q@h/d', 'postgres://u:p@[h/d'].map((DATABASE_URL) => ({
      DATABASE_URL,
    })),
    ...['localhost', 'ftp://h', 'http://', 'http://h:99999', 'http://h,', 'http://h, http://i'].map(
      (UPSTREAM_URL) => ({ UPSTREAM_URL }),
    ),
    ...['short', '0123456789abcde', '0123456789 abcdef', '0123456789ábcdef'].map((ADMIN_TOKEN) => ({
      ADMIN_TOKEN,
    })),
    ...['TRUE', '1', 'yes', 'postgres'].map((FAULTS) => ({ FAULTS })),
    ...['suite.json', './suite.json'].map((SUITE_FILE) => ({ SUITE_FILE })),
    ...['WARN', 'verbose', '30'].map((LOG_LEVEL) => ({ LOG_LEVEL })),
  ])('refuses %o, and names the variable', (env) => {
    const { problems } = parseEnvironment(env)
    expect(problems).toHaveLength(1)
    expect(problems?.[0]).toMatch(new RegExp(`^${Object.keys(env)[0]}: expected .+, found .+`))
  })

  test.each([
    ['foo: bar; limit=2', '', 'a JSON array of at most 10 rules', 'foo: bar; limit=2'],
    ['{"header":"foo","limit":2}', '', 'a JSON array of at most 10 rules', '{"header":"foo","limit":2}'],
    [
      `[${'0,'.repeat(50)}0]`,
      '',
      'a JSON array of at most 10 rules',
      '[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0…',
    ],
    ['[null]', '[0]', 'an object', 'null'],
    ['[["foo"]]', '[0]', 'an object', '["foo"]'],
    ['[{"header":"foo"}]', '[0].limit', 'an integer from 1 to 10000', 'nothing'],
    ['[{"header":"a","limit":1},{"limit":2}]', '[1].header', 'the name of a header', 'nothing'],
    ['[{"header":"a b","limit":2}]', '[0].header', 'the name of a header', '"a b"'],
    // Every request has these, if they are looked up by name.
    ...['__proto__', 'constructor', 'Constructor'].map(
      (header) =>
        [
          `[{"header":"${header}","limit":2}]`,
          '[0].header',
          'the name of a header',
          JSON.stringify(header),
        ] as const,
    ),
    ['[{"header":1,"limit":2}]', '[0].header', 'the name of a header', '1'],
    ...['0', '10001', '1.5', '"2"', 'null', '1e400', '[2]'].map(
      (limit) =>
        [
          `[{"header":"foo","limit":${limit}}]`,
          '[0].limit',
          'an integer from 1 to 10000',
          limit === '1e400' ? 'null' : limit,
        ] as const,
    ),
    ['[{"header":"a","limit":1,"perSecond":0}]', '[0].perSecond', 'an integer from 1 to 1000', '0'],
    ['[{"header":"a","limit":1,"queue":-1}]', '[0].queue', 'an integer from 0 to 10000', '-1'],
    ['[{"header":"a","limit":1,"agingMs":600001}]', '[0].agingMs', 'an integer from 0 to 600000', '600001'],
    ...['""', '" a"', '"a "', '"ä"', '7', 'null'].map(
      (value) =>
        [
          `[{"header":"a","limit":1,"value":${value}}]`,
          '[0].value',
          '1 to 256 visible ASCII characters, and spaces between them',
          value,
        ] as const,
    ),
    ...['max', '__proto__', 'constructor'].map(
      (name) =>
        [
          `[{"header":"a","limit":1,"${name}":3}]`,
          `[0].${name}`,
          'no such member, only header, limit, value, perSecond, queue, agingMs',
          '3',
        ] as const,
    ),
    [
      '[{"header":"a","limit":1},{"header":"A","limit":2}]',
      '[1]',
      'other requests than those of REGULATE[0]',
      '{"header":"a"}',
    ],
  ] as const)('refuses the rules %s', (REGULATE, at, expected, found) => {
    expect(parseEnvironment({ REGULATE }).problems).toEqual([
      `REGULATE${at}: expected ${expected}, found ${found}`,
    ])
  })

  test('tells of each rule what is wrong with it', () => {
    const { problems } = parseEnvironment({
      PORT: 'x',
      REGULATE: '[{"header":"","limit":0},7,{"Limit":1}]',
    })
    expect(problems?.map((problem) => problem.split(':')[0])).toEqual([
      'PORT',
      'REGULATE[0].header',
      'REGULATE[0].limit',
      'REGULATE[1]',
      'REGULATE[2].Limit',
      'REGULATE[2].header',
      'REGULATE[2].limit',
    ])
  })

  test.each(['0.0.0.0', '::', '192.168.0.7', '127.evil.example', 'example.org'])(
    'asks for an admin token when it listens on %s',
    (HOST) => {
      expect(parseEnvironment({ HOST }).problems).toEqual([
        expect.stringMatching(/^ADMIN_TOKEN: expected a token/),
      ])
    },
  )

  test.each([
    { DATABASE_URL: 'postgresql://u@/d?host=/run/postgresql', FAULTS: 'true' },
    { DATABASE_URL: 'postgres://h/d?port=1', FAULTS: 'true' },
    { DATABASE_URL: 'postgres://%2frun%2fpostgresql/d?host=h', FAULTS: 'true' },
    { UPSTREAM_URL: 'http://a,https://b', FAULTS: 'true' },
  ])('refuses %o, because no fault proxy can stand before it', (env) => {
    const { FAULTS, ...alone } = env
    expect(parseEnvironment(alone).problems).toBeUndefined()
    expect(parseEnvironment({ ...alone, FAULTS }).problems).toEqual([
      expect.stringMatching(
        new RegExp(`^${Object.keys(env)[0]}: expected .+ because of FAULTS, found "\\w+://\\*\\*\\*"$`),
      ),
    ])
  })

  test('tells all problems at once', () => {
    const { problems } = parseEnvironment({
      PORT: 'x',
      STYLE: 'y',
      POOL_MAX: 'z',
      LOG_LEVEL: 'w',
      HOST: '0.0.0.0',
    })
    expect(problems?.map((each) => each.split(':')[0])).toEqual([
      'PORT',
      'STYLE',
      'POOL_MAX',
      'LOG_LEVEL',
      'ADMIN_TOKEN',
    ])
  })

  test('shows no secret', () => {
    const secret = 'hunter2-é'
    const { problems } = parseEnvironment({
      DATABASE_URL: `mysql://u:${secret}@h/d?password=${secret}`,
      UPSTREAM_URL: `ftp://u:${secret}@h`,
      ADMIN_TOKEN: secret,
    })
    expect(problems).toHaveLength(3)
    expect(problems?.join()).not.toContain('hunter2')
  })

  test('cuts what it quotes', () => {
    expect(parseEnvironment({ STYLE: 'x'.repeat(10_000) }).problems?.[0]?.length).toBeLessThan(300)
  })
})
