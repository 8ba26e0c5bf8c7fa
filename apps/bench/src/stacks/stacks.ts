/** The part `stacks`: whether the stack of an error leads back to the scenario that it came through. */
import { type ScenarioName, scenarios, styleNames } from '@overlap/workload'
import { startChild } from '../child.ts'
import { type Gate, type Part, failuresOf } from '../part.ts'

/** Who makes the error: the port, in a later turn, or the code that looks into a nonsense that the port has answered with. */
export type Failure = 'port' | 'nonsense'

export interface StackTold {
  readonly style: string
  readonly scenario: ScenarioName
  readonly failure: Failure
  /** Into the port: the caller hears nothing, and a port that does not expect it ends the process. */
  readonly how: 'failed' | 'succeeded' | 'never ended' | 'thrown into the port'
  /** The scenario's own file, another file of the style's package, or neither. */
  readonly names: 'scenario' | 'package' | 'nothing'
  /** The file and the line, such as `combine.ts:18`: the scenario's own, or the first of the package. */
  readonly line?: string
  /** As Node writes it, with ten frames. */
  readonly stack: string
}

export const stacks: Part<readonly StackTold[]> = {
  name: 'stacks',
  title: 'What the stack of an error names',

  async measure() {
    const child = startChild(new URL('stacks.main.ts', import.meta.url), {})
    try {
      return await child.next()
    } finally {
      await child.stop()
    }
  },

  render: (
    told,
    gate,
  ) => `What the \`stack\` of the error names that a run fails with: a line of the scenario's own file, in parentheses a line of another
file of the style, or nothing of both. "No failure": the scenario hands the answer on without looking into it. "Into the port": the error was thrown into whoever
called back, and the run never ended.

### An error that the port makes, in a later turn

${table(told, 'port', gate)}

### An error that is thrown when the scenario looks into a wrong answer

${table(told, 'nonsense', gate)}`,
}

function table(told: readonly StackTold[], failure: Failure, gate: Gate): string {
  const failed = ({ style, scenario }: StackTold) => failuresOf(gate, style, scenario)
  const of = (style: string) =>
    told.filter((one) => one.style === style && one.failure === failure && failed(one).length === 0)
  const rows = scenarios.map(({ name }) => [
    `\`${name}\``,
    ...styleNames.map((style) => cell(of(style).find(({ scenario }) => scenario === name))),
  ])
  const sums = styleNames.map((style) => {
    const thrown = of(style).filter(({ how }) => how !== 'succeeded')
    return `${thrown.filter(({ names }) => names === 'scenario').length} of ${thrown.length}`
  })
  return [['', ...styleNames], ['---', ...styleNames.map(() => '---')], ...rows, ['its own file', ...sums]]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

function cell(told: StackTold | undefined): string {
  if (!told) return 'not measured: it fails a clause'
  const { how, names, line } = told
  if (how === 'succeeded') return 'no failure'
  if (how === 'never ended') return how
  const named = names === 'scenario' ? `${line}` : names === 'package' ? `(${line})` : 'nothing'
  return how === 'thrown into the port' ? `into the port: ${named}` : named
}
