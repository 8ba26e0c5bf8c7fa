/** Loads servers from a process of its own, as it is told over IPC, and ends with the process that has started it. */
import { HeldLoad, type Load } from './held-load.ts'

export type Order =
  | { readonly do: 'open'; readonly url: string; readonly connections: number }
  | { readonly do: 'prime'; readonly url: string; readonly connections: number; readonly anew: boolean }
  | { readonly do: 'run'; readonly url: string; readonly connections: number; readonly seconds: number }

export type Told = { readonly load: Load | undefined } | { readonly error: string }

/** By what is loaded and how: each level has connections of its own. */
const loads = new Map<string, HeldLoad>()

async function obey(order: Order): Promise<Load | undefined> {
  const { url, connections } = order
  const key = `${connections} ${url}`
  const load = loads.get(key) ?? new HeldLoad(url)
  loads.set(key, load)
  if (order.do === 'run') return load.run(connections, order.seconds)
  await (order.do === 'open' ? load.open(connections) : load.prime(connections, order.anew))
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
