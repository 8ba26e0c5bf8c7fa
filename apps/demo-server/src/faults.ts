/**
 * A fault proxy before everything that the port talks to, so that an operator can make it slow, or break it. Only
 * when they are asked for: otherwise nothing stands between.
 */
import { type FaultProxy, startFaultProxy } from '@overlap/backend'

/** By their names in `/api/faults`. */
export type FaultProxies = ReadonlyMap<string, FaultProxy>

interface Urls {
  readonly databaseUrl: string
  /** The service itself, and then its further replicas. */
  readonly upstreamUrls: readonly string[]
}

interface Faults extends Urls {
  readonly proxies: FaultProxies
  stop(): Promise<void>
}

/** Answers with the URLs by way of the proxies. Each of them must name a host, and be without TLS that checks its name. */
export async function startFaults({ databaseUrl, upstreamUrls }: Urls): Promise<Faults> {
  const proxies = new Map<string, FaultProxy>()
  const stop = async () => void (await Promise.all([...proxies.values()].map((proxy) => proxy.stop())))

  async function lead(name: string, url: string, defaultPort: number): Promise<string> {
    const { hostname, port } = new URL(url)
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    const proxy = await startFaultProxy({ upstream: { host, port: Number(port || defaultPort) } })
    proxies.set(name, proxy)
    const relayed = new URL(url)
    relayed.hostname = '127.0.0.1'
    relayed.port = String(proxy.port)
    return relayed.href
  }

  try {
    const database = await lead('postgres', databaseUrl, 5432)
    const services: string[] = []
    for (const [index, url] of upstreamUrls.entries())
      services.push(await lead(index === 0 ? 'service' : `replica-${index}`, url, 80))
    return { databaseUrl: database, upstreamUrls: services, proxies, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
