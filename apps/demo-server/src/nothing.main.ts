/**
 * What it costs to call a function that does nothing: plain, through one turn of the event loop, and through that in each
 * style. It is a process of its own, started by `forkServant`, and says how many seconds 10,000 calls took, one after the
 * other.
 */
import type { Done, Port, Sku, Stock } from '@overlap/workload'
import { styles } from './styles.ts'

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit())

const CALLS = 10_000
/** The fastest of them counts: the first ones are being compiled. */
const ROUNDS = 5

const nothing = () => {}

const findNothing = (sku: Sku, done: Done<Stock, never>) => {
  const immediate = setImmediate(() => done(null, { sku, onHand: 0 }))
  return () => clearImmediate(immediate)
}
// A cast: for what is sold out, `sequence` makes this call and no other.
const port = { findStock: findNothing } as unknown as Port
const { signal } = new AbortController()

const subjects: readonly { readonly label: string; readonly run: () => Promise<void> | void }[] = [
  {
    label: 'plain',
    run: () => {
      for (let call = 0; call < CALLS; call++) nothing()
    },
  },
  {
    label: 'event loop alone',
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
    run: async () => {
      for (let call = 0; call < CALLS; call++) await style.sequence(port, 'B-0', signal)
    },
  })),
]

const said: { label: string; seconds: number }[] = []
for (const { label, run } of subjects) {
  let seconds = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now()
    await run()
    seconds = Math.min(seconds, (performance.now() - began) / 1000)
  }
  said.push({ label, seconds })
}
process.send?.({ said })
