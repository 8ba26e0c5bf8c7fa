/** The page, for a server: what a browser may load of it, and how it is rendered. */
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { findBuild } from './build/find-build.ts'
import type { PageData } from './data.ts'
import type { Rendering } from './rendering.ts'

export type { PageData } from './data.ts'

export interface Asset {
  readonly type: string
  readonly body: Buffer
  /** The same, compressed by Brotli. */
  readonly compressed: Buffer | undefined
  /** Its name says what is in it, so it never changes. */
  readonly immutable: boolean
}

export interface Page {
  /** By path: `/assets/…` and `/code/…`. There are no others. */
  readonly assets: ReadonlyMap<string, Asset>
  /** A whole HTML document. Only this page's own parameters are looked at. */
  readonly render: (url: Pick<URL, 'pathname' | 'search'>, data: PageData) => string
  /** What there is below `/embed/`. */
  readonly panels: readonly string[]
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Builds the page first if its sources, or those that it shows, have changed. That takes some seconds, in a process of its own. */
export async function openPage(): Promise<Page> {
  const folder = findBuild()
  const builder = path.join(import.meta.dirname, 'build/build.main.ts')
  if (!fs.existsSync(folder)) await promisify(execFile)(process.execPath, [builder])
  const assets = readAssets(path.join(folder, 'client'))
  // A cast, because what was built has no types.
  const { render, panels } = (await import(path.join(folder, 'server/render.js'))) as Rendering
  const named = (pattern: RegExp) => [...assets.keys()].find((name) => pattern.test(name)) ?? ''
  const files = { script: named(/^\/assets\/browser-.*\.js$/), style: named(/^\/assets\/.*\.css$/) }
  const parsed = new Map<string, unknown>()
  const code = (name: string) => {
    if (!parsed.has(name))
      parsed.set(name, JSON.parse(assets.get(`/code/${name}.json`)?.body.toString() ?? 'null'))
    // A cast, because JSON has no types.
    return parsed.get(name) as never
  }
  return { assets, panels, render: (url, data) => render(url, data, { files, code }) }
}

function readAssets(folder: string): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>()
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const type = types[path.extname(entry.name)]
    if (!entry.isFile() || type === undefined) continue
    const file = path.join(entry.parentPath, entry.name)
    const name = `/${path.relative(folder, file)}`
    assets.set(name, {
      type,
      body: fs.readFileSync(file),
      compressed: fs.existsSync(`${file}.br`) ? fs.readFileSync(`${file}.br`) : undefined,
      immutable: name.startsWith('/assets/'),
    })
  }
  return assets
}
