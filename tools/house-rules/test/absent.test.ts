/** What may not be found in the sources, so that nothing has to be proved of it at run time. */
import { describe, expect, test } from 'vitest'
import { codeOf } from '../src/lines-of.ts'
import { foldersIn, read, sourcesIn } from '../src/sources.ts'

const packages = ['packages', 'apps', 'tools'].flatMap(foldersIn)

describe('the wall clock', () => {
  // The suite's own is virtual.
  const files = packages
    .filter((folder) => folder !== 'packages/conformance' && !folder.startsWith('tools/'))
    .flatMap((folder) => sourcesIn(`${folder}/src`))

  test('is asked for nothing: it may jump', () => {
    expect(files.filter((file) => /\bDate\b/.test(codeOf(read(file))))).toEqual([
      // It tells people when something was measured.
      'apps/bench/src/bench.main.ts',
      // It tells clients what HTTP asks for.
      'apps/bench/src/server/subjects/answer-text.ts',
      // It tells people when something was judged.
      'apps/demo-server/src/suite-runs.ts',
    ])
  })
})

describe('what a request says', () => {
  const outside =
    /^node:(net|https?|http2|tls|dns|dgram|child_process|cluster|worker_threads|fs|vm|module)(\/|$)/

  /** The modules from which a file imports more than types. */
  function reached(file: string): string[] {
    const imports = codeOf(read(file)).matchAll(/^import\s+([\s\S]*?)\s+from\s+'([^']+)'/gm)
    return [...imports].flatMap(([, names = '', name = '']) =>
      outside.test(name) && !/^(type\b|\{(\s*type \w+( as \w+)?,?)+\s*\}$)/.test(names) ? name : [],
    )
  }

  test('reaches nothing outside of the server but what is behind its port', () => {
    const files = sourcesIn('apps/demo-server/src')
    const found = files.map((file) => [file.replace('apps/demo-server/src/', ''), reached(file)])
    expect(Object.fromEntries(found.filter(([, modules = []]) => modules.length > 0))).toEqual({
      // It asks where the server itself listens, whatever a request has said; its programs and theirs are constants.
      'experiments.ts': ['node:http'],
      'servant.ts': ['node:child_process'],
      'blocking-server.main.ts': ['node:http', 'node:worker_threads'],
      'blocking-query.main.ts': ['node:worker_threads'],
      // They listen.
      'echo-servers.ts': ['node:net'],
      'http-server.ts': ['node:http'],
      // A function and a table.
      'environment.ts': ['node:net'],
      'problem.ts': ['node:http'],
      // Once, at the start.
      'sources.ts': ['node:fs'],
      // The files that are judged, and one in which the verdicts are kept.
      'source-hash.ts': ['node:fs/promises'],
      'suite-runs.ts': ['node:fs/promises'],
    })
    expect(files.filter((file) => /\b(fetch|WebSocket|EventSource)\(/.test(codeOf(read(file))))).toEqual([])
  })

  test('never becomes code', () => {
    const files = packages.flatMap((folder) => sourcesIn(`${folder}/src`))
    const code = /\beval\(|\bnew Function\b|\bimport\((?!'[^']+'\))|\brequire\(/
    expect(files.filter((file) => code.test(codeOf(read(file))))).toEqual([
      // It loads the style that it is to judge.
      'packages/conformance/src/judge.main.ts',
      // What the page was built to, whose name its builder says.
      'apps/page/src/index.ts',
    ])
  })

  test('never becomes SQL: what it is made of with anything else is a constant, or a channel that has been checked', () => {
    const verb = '\\b(SELECT|INSERT|UPDATE|DELETE FROM|(UN)?LISTEN|NOTIFY|CREATE|BEGIN)\\b'
    const made = new RegExp(`\`[^\`]*${verb}[^\`]*\\$\\{|\`[^\`]*\\$\\{[^\`]*${verb}|${verb}[^'\\n]*'\\s*\\+`)
    const files = [...sourcesIn('packages/backend/src'), ...sourcesIn('apps/demo-server/src')]
    expect(files.filter((file) => made.test(codeOf(read(file))))).toEqual([
      'packages/backend/src/channels.ts',
      'packages/backend/src/schema.ts',
    ])
  })
})
