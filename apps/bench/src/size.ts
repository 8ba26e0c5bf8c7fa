/** The size of each scenario's program: what one reads, and what is sent to who runs it. */
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { linesOf, programOf } from '@overlap/house-rules/lines-of'
import { toTable } from '@overlap/house-rules/markdown'
import { type ScenarioName, type StyleName, scenarios, styleNames } from '@overlap/workload'
import jsTokens from 'js-tokens'
import { rolldown } from 'rolldown'
import { sum } from 'simple-statistics'
import type { Part } from './part.ts'

interface Size {
  readonly scenario: ScenarioName
  readonly style: StyleName
  /** Of the scenario's file, without imports, comments and blank lines. */
  readonly lines: number
  readonly tokens: number
  /** Of all that its file needs, types gone: minified, and then compressed by gzip. With the style's library, and without. */
  readonly bytes: Bundled
  readonly bytesWithLibrary: Bundled
}

interface Bundled {
  readonly minified: number
  readonly compressed: number
}

export type Sizes = readonly Size[]

export const size: Part<Sizes> = {
  name: 'size',
  title: 'Size',
  async measure({ tell }) {
    const sizes: Size[] = []
    for (const { name: scenario } of scenarios) {
      for (const style of styleNames) {
        tell(`${scenario} in ${style}`)
        const file = fileURLToPath(new URL(`../../../packages/${style}/src/${scenario}.ts`, import.meta.url))
        const text = fs.readFileSync(file, 'utf8')
        sizes.push({
          scenario,
          style,
          lines: linesOf(text),
          tokens: countTokens(programOf(text)),
          bytes: await bundle(file, /^[^./]/),
          bytesWithLibrary: await bundle(file, /^@overlap\//),
        })
      }
    }
    return sizes
  },
  render(sizes) {
    const table = (cell: (size: Size) => string, last: readonly string[][] = []) => {
      const rows = scenarios.map(({ name }) => [
        `\`${name}\``,
        ...styleNames.map((style) => cell(find(sizes, name, style))),
      ])
      return toTable([['', ...styleNames], ...rows, ...last])
    }
    const totals = styleNames.map((style) => {
      const own = sizes.filter((one) => one.style === style)
      return `${sum(own.map(({ lines }) => lines))} · ${sum(own.map(({ tokens }) => tokens))}`
    })
    return `Lines and tokens of each scenario's file, without imports and comments:

${table(({ lines, tokens }) => `${lines} · ${tokens}`, [['*all*', ...totals]])}

Bytes of all that it needs at run time, minified and compressed by gzip: without its style's library (but with the lift where it needs that,
and with what else of its package it uses), and with it. \`@overlap/workload\`, which is the same for all, counts nowhere.

${table(({ bytes, bytesWithLibrary }) => `${bytes.compressed} · ${bytesWithLibrary.compressed}`)}`
  },
}

function find(sizes: Sizes, scenario: ScenarioName, style: StyleName): Size {
  const found = sizes.find((one) => one.scenario === scenario && one.style === style)
  if (!found) throw new Error(`there is no size of ${scenario} in ${style}`)
  return found
}

/** Those of the language: space and line ends do not count. */
function countTokens(program: string): number {
  const blank = new Set(['WhiteSpace', 'LineTerminatorSequence'])
  return [...jsTokens(program)].filter(({ type }) => !blank.has(type)).length
}

/** @param external What is left out beside Node's own modules. */
async function bundle(file: string, external: RegExp): Promise<Bundled> {
  await using build = await rolldown({
    input: file,
    external: (id) => id.startsWith('node:') || external.test(id),
    platform: 'neutral',
    // RxJS has its modules for bundlers, of which what is not used can be left out, under this name.
    resolve: { conditionNames: ['es2015', 'import', 'default'] },
  })
  const { output } = await build.generate({ minify: true })
  const code = output.map((chunk) => (chunk.type === 'chunk' ? chunk.code : '')).join('')
  return { minified: Buffer.byteLength(code), compressed: gzipSync(code, { level: 9 }).length }
}
