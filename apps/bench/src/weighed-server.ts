/** A demo server in a process of its own, whose memory can be weighed: its metrics, after its garbage has been collected. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { addressOf, collector, demoMain } from './demo-main.ts'

const names = [
  'nodejs_heap_size_used_bytes',
  'nodejs_external_memory_bytes',
  'process_resident_memory_bytes',
  'process_cpu_seconds_total',
  'overlap_http_connections',
] as const

export type Metric = (typeof names)[number]

export type Metrics = Readonly<Record<Metric, number>>

interface WeighedServer {
  readonly url: string
  metrics(): Promise<Metrics>
  /** Takes a second. */
  weigh(): Promise<Metrics>
  stop(): Promise<void>
}

/** On any free port of this machine. */
export async function startWeighedServer(env: Readonly<Record<string, string>>): Promise<WeighedServer> {
  const child = spawn(process.execPath, ['--expose-gc', '--import', collector, demoMain.pathname], {
    env: { ...process.env, ...env, PORT: '0', HOST: '127.0.0.1' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const url = await addressOf(child)

  async function metrics(): Promise<Metrics> {
    const text = await (await fetch(`${url}/metrics`)).text()
    const values = names.map((name) => [name, Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1])])
    // A cast, because an object from entries has lost their names.
    return Object.fromEntries(values) as Metrics
  }
  return {
    url,
    metrics,
    async weigh() {
      // Twice, because what the first finds may hold more.
      for (let i = 0; i < 2; i++) {
        child.send('collect')
        await sleep(500)
      }
      return metrics()
    },
    async stop() {
      child.kill()
      await once(child, 'exit')
    },
  }
}
