/**
 * The results: one file of raw figures for each part in `docs/results`, and `docs/results.md`, which is made from
 * these and nothing else. So whoever reads a number there can find the samples behind it, and what was measured
 * again alone replaces its own part.
 */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import { place } from '@overlap/house-rules/markdown'
import type { Gate, Part } from './part.ts'
import { drawPlot } from './plot.ts'
import { makeSummary } from './summary.ts'

/** Where, when and of what a part's figures were measured. */
export interface About {
  readonly command: string
  /** ISO 8601, UTC: when it began. */
  readonly date: string
  readonly seconds: number
  /** Asked for, of what is measured in rounds. */
  readonly rounds: number
  /** Of the sources; with `+` behind it when they were changed since. */
  readonly commit: string
  readonly machine: string
  readonly versions: Readonly<Record<string, string>>
  /** Mean number of processes that wanted a core in the minute before: what else the machine had to do. */
  readonly loadBefore: number
}

export interface Raw<D> {
  readonly about: About
  readonly gate: Gate
  readonly figures: D
}

const root = new URL('../../../', import.meta.url)
const folder = new URL('docs/results/', root)

/** Of which it is told how old they are. */
const packages = [
  'rxjs',
  'effect',
  'p-limit',
  'fastify',
  'pg',
  'undici',
  'co',
  'async',
  'effection',
  'bluebird',
]

function readRaw<D>({ name }: Part<D>): Raw<D> | undefined {
  const file = new URL(`${name}.json`, folder)
  if (!fs.existsSync(file)) return undefined
  // A cast: the part itself has written it.
  return JSON.parse(fs.readFileSync(file, 'utf8')) as Raw<D>
}

export function writeRaw<D>({ name }: Part<D>, raw: Raw<D>): void {
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(raw)}\n`)
}

/** Writes every document that is made from the raw figures. */
export async function writeResults(parts: readonly Part[]): Promise<void> {
  for (const [file, text] of Object.entries(await makeResults(parts)))
    fs.writeFileSync(new URL(file, root), text)
}

/** The texts of these documents, by their paths from the root. */
export async function makeResults(parts: readonly Part[]): Promise<Readonly<Record<string, string>>> {
  const pictures: Record<string, string> = {}
  const sections: string[] = []
  for (const part of parts) {
    const raw = readRaw(part)
    if (!raw) continue
    sections.push(renderSection(part, raw))
    for (const [name, plot] of Object.entries(part.plots?.(raw.figures) ?? {}))
      pictures[`docs/results/${name}.svg`] = await drawPlot(plot)
  }
  const summary = {
    file: 'README.md',
    name: 'results',
    make: () => makeSummary((part) => readRaw(part)?.figures),
  }
  const readme = fs.readFileSync(new URL(summary.file, root), 'utf8')
  return {
    'docs/results.md': `${INTRODUCTION}\n\n${sections.join('\n\n')}\n`,
    [summary.file]: place(summary, readme),
    ...pictures,
  }
}

const INTRODUCTION = `# Results

Everything here is made from the raw figures in [results](results/) by \`npm run bench\`, which measures again; how it is measured,
and what is fair about it and what is not, is told in [apps/bench](../apps/bench/README.md). A ratio is the median of the rounds' ratios,
with the interval that holds the true one with a probability of 95 %. Where that interval, or the one of a program measured
against itself, is too wide to tell two apart, it says "no difference seen".`

function renderSection<D>(part: Part<D>, { about, gate, figures }: Raw<D>): string {
  const pictures = Object.keys(part.plots?.(figures) ?? {}).map(
    (name) => `![${part.title}](results/${name}.svg)`,
  )
  return [`## ${part.title}`, tellAbout(part.name, about), ...pictures, part.render(figures, gate)].join(
    '\n\n',
  )
}

function tellAbout(
  name: string,
  { command, date, seconds, commit, machine, versions, loadBefore }: About,
): string {
  const tools = Object.entries(versions).map(([tool, version]) => `${tool} ${version}`)
  return `<sub>\`${command}\` · ${date.slice(0, 10)} · ${seconds} s · commit ${commit} · ${machine}, load ${loadBefore} before · ${tools.join(', ')} · [raw figures](results/${name}.json)</sub>`
}

/** What is the same for all parts of one run. */
export function describeMachine(): Pick<About, 'commit' | 'machine' | 'versions'> {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  const changed = git('status', '--porcelain', '--', '.', ':!docs') === '' ? '' : '+'
  const [cpu] = os.cpus()
  const gibibytes = Math.round(os.totalmem() / 2 ** 30)
  return {
    commit: git('rev-parse', '--short=10', 'HEAD') + changed,
    machine: `${os.availableParallelism()} × ${cpu?.model.trim() ?? 'unknown processor'}, ${gibibytes} GiB, ${os.type()} ${os.arch()}`,
    versions: Object.fromEntries([
      ['Node', process.versions.node],
      ...packages.map((name) => [name, versionOf(name)]),
    ]) as Record<string, string>,
  }
}

function versionOf(name: string): string {
  const file = new URL(`node_modules/${name}/package.json`, root)
  return (JSON.parse(fs.readFileSync(file, 'utf8')) as { version: string }).version
}
