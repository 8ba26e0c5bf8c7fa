/** The README's table of results: one row for each style, from the raw figures of the parts. */
import { toTable } from '@overlap/house-rules/markdown'
import { type StyleName, styleNames } from '@overlap/workload'
import { median, quantile, sum } from 'simple-statistics'
import { type MemoryFigures, memory } from './alone/memory.ts'
import { type StylesFigures, styles } from './alone/styles.ts'
import { isDifferent, show } from './compare.ts'
import type { Part } from './part.ts'
import { type QuietFigures, quiet } from './quiet/quiet.ts'
import { freshServers, processesOf } from './server/fresh-servers.ts'
import { besideFloor } from './server/server-render.ts'
import { CONTROL, MIDDLE, demoOf } from './server/server-subjects.ts'
import type { Slice } from './server/slices.ts'
import { type Sizes, size } from './size.ts'

/** @param read Hands over the figures of a part, if it has been measured. */
export function makeSummary(read: <D>(part: Part<D>) => D | undefined): string {
  const [alone, held, load, aborts, sizes] = [
    read(styles),
    read(memory),
    read(freshServers),
    read(quiet),
    read(size),
  ]
  const level = load && processesOf(load.slices).filter(({ connections }) => connections === MIDDLE)
  const rows = styleNames.map((style) => [
    style,
    alone ? tellTime(alone, style) : '',
    held ? tellMemory(held, style) : '',
    level ? tellServer(level, style) : '',
    level ? tellServer(level, demoOf(style)) : '',
    aborts ? tellQuiet(aborts, style) : '',
    sizes ? tellSize(sizes, style) : '',
  ])
  return toTable([
    [
      '',
      '`combine` alone, ns',
      'bytes in flight',
      `CPU of a request at ${MIDDLE} connections, × floor`,
      'the same, in the demo server',
      'from abort to quiet, p50 and p99, ms',
      'lines of all scenarios',
    ],
    ...rows,
  ])
}

function tellTime({ native }: StylesFigures, style: StyleName): string {
  return whole(median([...(native.ns[style] ?? [NaN])]))
}

function tellMemory({ native }: MemoryFigures, style: StyleName): string {
  return whole(median((native[style] ?? []).map(([bytes = NaN]) => bytes)))
}

function tellServer(level: readonly Slice[], subject: string): string {
  const own = besideFloor(level, subject, 'cpuEach')
  if (Number.isNaN(own.ratio)) return 'not measured'
  return isDifferent(own, besideFloor(level, CONTROL, 'cpuEach'))
    ? show(own)
    : `${show(own)}, no difference seen`
}

function tellQuiet({ subjects }: QuietFigures, style: StyleName): string {
  const samples = subjects.find(({ subject }) => subject === style)?.samples ?? []
  const ms = samples.map(({ query, request }) => Math.max(query, request))
  return `${quantile(ms, 0.5).toFixed(1)}, ${quantile(ms, 0.99).toFixed(1)}`
}

function tellSize(sizes: Sizes, style: StyleName): string {
  return whole(sum(sizes.filter((one) => one.style === style).map(({ lines }) => lines)))
}

const whole = (value: number): string => Math.round(value).toLocaleString('en')
