/** The talks' tables: theirs, what arithmetic allows, and ours, made by the demo server on itself as the page has it made. */
import { type ExperimentResult, type Ratio, experiments as talks } from '@overlap/load/experiments'
import { toTable } from '@overlap/house-rules/markdown'
import type { Part } from './part.ts'
import { startWeighedServer } from './weighed-server.ts'

export const experiments: Part<readonly ExperimentResult[]> = {
  name: 'experiments',
  title: 'The talks’ tables',
  async measure({ tell }) {
    const server = await startWeighedServer({})
    try {
      const results: ExperimentResult[] = []
      for (const { id, what } of talks) {
        tell(`${id} ${what}`)
        const response = await fetch(`${server.url}/api/experiments/${id}`, { method: 'POST' })
        const body = await response.text()
        if (!response.ok) throw new Error(`${id} was answered with ${response.status}: ${body}`)
        // A cast: the route's schema promises it.
        results.push(JSON.parse(body) as ExperimentResult)
      }
      return results
    } finally {
      await server.stop()
    }
  },
  render(results) {
    const held = results.filter((result) => result.held === true).length
    const shapes = results.filter((result) => result.held !== null).length
    const rows = results.map((result) => {
      const experiment = talks.find(({ id }) => id === result.id)
      if (!experiment) throw new Error(`there is no experiment ${result.id}`)
      return [
        result.id,
        experiment.what,
        experiment.theirs,
        experiment.floor ?? '',
        [...result.parts.map(({ label, seconds }) => `${label} ${toSeconds(seconds)}`), result.note ?? '']
          .filter(Boolean)
          .join(', '),
        tellShape(result, experiment.ratio),
      ]
    })
    const table = toTable([['', 'what', 'theirs', 'by arithmetic', 'ours', 'the shape'], ...rows])
    return `Measured in 2013 to 2017 in Python, and here on the demo server, each once. What must come back is the shape, within 15 % where nothing else is said, and never the time: ${held} of ${shapes} came back. [packages/load](../packages/load/src/experiments.ts) says how each is made here.

${table}`
  },
}

function toSeconds(seconds: number): string {
  return `${seconds >= 0.1 ? seconds.toFixed(2) : seconds.toPrecision(2)} s`
}

function tellShape({ ratio, expected, held }: ExperimentResult, asked: Ratio | null): string {
  const verdict = held === null ? '' : held ? 'came back' : '**did not come back**'
  if (ratio === null || expected === null || asked === null) return verdict
  const whose = asked.byArithmetic ? 'by arithmetic' : 'theirs'
  const least = asked.holds === 'above 1' ? ' (above 1 is asked)' : ''
  return `${asked.of}: ${ratio.toFixed(2)}, ${whose} ${expected.toFixed(2)}${least}: ${verdict}`
}
