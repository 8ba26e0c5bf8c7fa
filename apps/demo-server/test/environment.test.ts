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
      upstreamUrls: undefined,
      adminToken: undefined,
      logLevel: 'warn',
    }
    const empty = { PORT: '', HOST: '', STYLE: '', DATABASE_URL: '', POOL_MAX: '', UPSTREAM_URL: '' }
    expect(parseEnvironment({})).toEqual({ settings: defaults })
    expect(parseEnvironment({ ...empty, ADMIN_TOKEN: '', LOG_LEVEL: '' })).toEqual({ settings: defaults })
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
    [{ DATABASE_URL: 'postgres://u:p%40@[::1]:5432/d?sslmode=require' }, {}],
    [{ DATABASE_URL: 'postgresql://u@/d?host=/run/postgresql' }, {}],
    [{ UPSTREAM_URL: 'https://service.example/base' }, { upstreamUrls: ['https://service.example/base'] }],
    [{ UPSTREAM_URL: 'http://a:1,http://b:2' }, { upstreamUrls: ['http://a:1', 'http://b:2'] }],
    [{ LOG_LEVEL: 'silent' }, { logLevel: 'silent' }],
  ])('takes %o', (env, expected) => {
    expect(parseEnvironment(env).settings).toMatchObject(expected)
  })

  test.each([
    ...['65536', '-1', '1e3', '0x10', '80 ', ' ', '1.5', '１２', '007', 'NaN'].map((PORT) => ({ PORT })),
    ...['65532', '-1', '9000-9004', 'any'].map((ECHO_PORT) => ({ ECHO_PORT })),
    ...['0', '10001', 'many'].map((ECHO_CONNECTIONS) => ({ ECHO_CONNECTIONS })),
    ...['0', '1001', '5,0', '99999999999999999999'].map((POOL_MAX) => ({ POOL_MAX })),
    ...['a b', 'http://127.0.0.1', '"127.0.0.1"', ''.padEnd(254, 'a')].map((HOST) => ({ HOST })),
    ...['Promises', 'promise', '__proto__', 'constructor', '../promises', 'toString'].map((STYLE) => ({
      STYLE,
    })),
    ...['localhost:5432', 'mysql://u:p@h/d', 'postgres://', ' postgres://h/d'].map((DATABASE_URL) => ({
      DATABASE_URL,
    })),
    ...['localhost', 'ftp://h', 'http://', 'http://h:99999', 'http://h,', 'http://h, http://i'].map(
      (UPSTREAM_URL) => ({ UPSTREAM_URL }),
    ),
    ...['short', '0123456789abcde', '0123456789 abcdef', '0123456789ábcdef'].map((ADMIN_TOKEN) => ({
      ADMIN_TOKEN,
    })),
    ...['WARN', 'verbose', '30'].map((LOG_LEVEL) => ({ LOG_LEVEL })),
  ])('refuses %o, and names the variable', (env) => {
    const { problems } = parseEnvironment(env)
    expect(problems).toHaveLength(1)
    expect(problems?.[0]).toMatch(new RegExp(`^${Object.keys(env)[0]}: expected .+, found .+`))
  })

  test.each(['0.0.0.0', '::', '192.168.0.7', '127.evil.example', 'example.org'])(
    'asks for an admin token when it listens on %s',
    (HOST) => {
      expect(parseEnvironment({ HOST }).problems).toEqual([
        expect.stringMatching(/^ADMIN_TOKEN: expected a token/),
      ])
    },
  )

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
