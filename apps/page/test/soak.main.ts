/**
 * `npm run soak:page`: leaves the page open for five minutes, under load and with a run every two seconds, and looks
 * whether its memory stays where it is: the heap after a collection, the nodes and the listeners of the document.
 *
 * Exits with 1 if one of them grows by more than a tenth from the first third to the last, or the page complains.
 */
import { parseArgs } from 'node:util'
import { launch } from './launch.ts'
import { launchServer } from './launch-server.ts'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' } } })
const endMs = Number(values.minutes) * 60_000
const SAMPLE_MS = 10_000
const MOST_GROWTH = 1.1

/** What is pressed on each page, and how often. */
const pages = [
  { path: '/?tab=load&styles=promises,effect&loadSeconds=30', key: 'l', everyMs: 31_000 },
  { path: '/?tab=watch&styles=naive,promises,effect&httpFault=fail&httpMs=50', key: 'r', everyMs: 2000 },
]

const demo = await launchServer()
const browser = await launch()
try {
  const results = await Promise.all(pages.map(soak))
  console.table(results.flat())
  if (results.flat().some(({ growth }) => growth > MOST_GROWTH)) process.exitCode = 1
} finally {
  await browser.close()
  await demo.stop()
}

async function soak({ path, key, everyMs }: (typeof pages)[number]) {
  const page = await browser.newPage()
  const wrongs: string[] = []
  page.on('console', (message) => {
    // Runs that fail are what it watches.
    const isRun = message.location().url.includes('/api/run/')
    if (message.type() === 'error' && !isRun) wrongs.push(message.text())
  })
  page.on('pageerror', (error) => wrongs.push(String(error)))
  await page.goto(demo.url + path)
  await page.locator(':root.scripted').waitFor()
  const session = await page.context().newCDPSession(page)
  const samples: { heap: number; nodes: number; listeners: number }[] = []
  const began = performance.now()
  const pressing = setInterval(() => void page.keyboard.press(key), everyMs)
  await page.keyboard.press(key)
  while (performance.now() - began < endMs) {
    await page.waitForTimeout(SAMPLE_MS)
    await session.send('HeapProfiler.collectGarbage')
    const { usedSize } = await session.send('Runtime.getHeapUsage')
    const { nodes, jsEventListeners } = await session.send('Memory.getDOMCounters')
    samples.push({ heap: usedSize, nodes, listeners: jsEventListeners })
  }
  clearInterval(pressing)
  if (wrongs.length > 0) {
    console.error(wrongs)
    process.exitCode = 1
  }
  const third = Math.floor(samples.length / 3)
  const mean = (part: typeof samples, what: keyof (typeof samples)[number]) =>
    part.reduce((sum, sample) => sum + sample[what], 0) / part.length
  return (['heap', 'nodes', 'listeners'] as const).map((what) => {
    const [first, last] = [mean(samples.slice(0, third), what), mean(samples.slice(-third), what)]
    return {
      page: path,
      what,
      'first third': Math.round(first),
      'last third': Math.round(last),
      growth: Math.round((last / first) * 100) / 100,
    }
  })
}
