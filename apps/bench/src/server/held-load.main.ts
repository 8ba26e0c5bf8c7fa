/** Loads servers from a process of its own, as it is told over IPC, and ends with the process that has started it. */
import { HeldLoad, type Load } from './held-load.ts'

export type Act =
  | { readonly do: 'open' | 'prime'; readonly connections: number }
  | { readonly do: 'run'; readonly connections: number; readonly seconds: number }

export type Order = Act & { readonly url: string }

export type Told = { readonly load: Load | undefined } | { readonly error: string }

const loads = new Map<string, HeldLoad>()

async function obey(order: Order): Promise<Load | undefined> {
  const { url, connections } = order
  const load = loads.get(url) ?? new HeldLoad(url)
  loads.set(url, load)
  if (order.do === 'run') return load.run(connections, order.seconds)
  await (order.do === 'open' ? load.open(connections) : load.prime(connections))
  return undefined
}

const tell = (told: Told) => void process.send?.(told)

process.on('disconnect', () => process.exit())
process.on('message', (order: Order) => {
  obey(order).then(
    (load) => tell({ load }),
    (error: unknown) => tell({ error: String(error) }),
  )
})
