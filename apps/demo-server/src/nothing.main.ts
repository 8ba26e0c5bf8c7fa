/**
 * What it costs to call a function that does nothing: plain, through one turn of the event loop, and through that in each
 * style. It is a process of its own, started by `forkServant`, and says how many seconds 10,000 calls took, one after the
 * other.
 */
import v8 from 'node:v8'
import type { Done, Port, Sku, Stock } from '@overlap/workload'
import { styles } from './styles.ts'

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit())

const CALLS = 10_000

const nothing = () => {}

const findNothing = (sku: Sku, done: Done<Stock, never>) => {
  const immediate = setImmediate(() => done(null, { sku, onHand: 0 }))
  return () => clearImmediate(immediate)
}
// A cast: for what is sold out, `sequence` makes this call and no other.
const port = { findStock: findNothing } as unknown as Port
const { signal } = new AbortController()

interface Subject {
  readonly label: string
  readonly run: () => Promise<void> | void
  /** The fastest of them counts: the first ones are being compiled, those of a short run for longer. */
  readonly rounds: number
}

const subjects: readonly Subject[] = [
  {
    label: 'plain',
    rounds: 100,
    run: () => {
      for (let call = 0; call < CALLS; call++) nothing()
    },
  },
  {
    label: 'event loop alone',
    rounds: 5,
    run: () =>
      new Promise((resolve) => {
        let calls = 0
        const turn = () => {
          nothing()
          if (++calls === CALLS) resolve()
          else setImmediate(turn)
        }
        setImmediate(turn)
      }),
  },
  ...styles.map((style) => ({
    label: style.name,
    rounds: 5,
    run: async () => {
      for (let call = 0; call < CALLS; call++) await style.sequence(port, 'B-0', signal)
    },
  })),
]

const said: { label: string; seconds: number }[] = []
for (const { label, run, rounds } of subjects) {
  // Nobody calls a function that V8 has inlined: of the plain calls, an empty loop would be left.
  const inlines = label === 'plain' ? 'no-' : ''
  for (const compiler of ['turbo', 'maglev']) v8.setFlagsFromString(`--${inlines}${compiler}-inlining`)
  let seconds = Infinity
  for (let round = 0; round < rounds; round++) {
    const began = performance.now()
    await run()
    seconds = Math.min(seconds, (performance.now() - began) / 1000)
  }
  said.push({ label, seconds })
}
process.send?.({ said })
