/**
 * Builds the page, unless it is there already: what the browser loads, what the server renders with, and the code that is
 * shown. Builds at the same time do not meet: each is made elsewhere and then put in its place.
 */
import fs from 'node:fs'
import path from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import { dist, findBuild, home } from './find-build.ts'

const KEPT = 5

// Vite builds for another environment when it is started in one, such as that of the tests.
process.env['NODE_ENV'] = 'production'

const target = findBuild()
if (!fs.existsSync(target)) await build()

async function build(): Promise<void> {
  const [vite, { makeExhibits }] = await Promise.all([import('vite'), import('./exhibits.ts')])
  const own = path.join(dist, `making-${process.pid}`)
  const config = { root: home, configFile: path.join(home, 'vite.config.ts'), logLevel: 'warn' as const }
  try {
    await vite.build({ ...config, build: { outDir: path.join(own, 'client') } })
    await vite.build({ ...config, build: { outDir: path.join(own, 'server'), ssr: 'src/render.tsx' } })
    const { scenarios, frames, clauses, suiteFiles } = makeExhibits()
    writeJson(path.join(own, 'client/code/frames.json'), frames)
    writeJson(path.join(own, 'client/code/clauses.json'), clauses)
    for (const [name, exhibit] of Object.entries(scenarios))
      writeJson(path.join(own, `client/code/${name}.json`), exhibit)
    for (const [name, file] of Object.entries(suiteFiles))
      writeJson(path.join(own, `client/code/suite-${name}.json`), file)
    compress(path.join(own, 'client'))
    // Somebody else may have been quicker.
    if (!fs.existsSync(target)) fs.renameSync(own, target)
    removeOld()
  } finally {
    fs.rmSync(own, { recursive: true, force: true })
  }
}

/** The newest few stay: somebody may be reading them, or come back to them. */
function removeOld(): void {
  const builds = fs.globSync(path.join(dist, '*')).map((folder) => {
    return { folder, mtimeMs: fs.statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0 }
  })
  const old = builds.toSorted((a, b) => b.mtimeMs - a.mtimeMs).slice(KEPT)
  for (const { folder } of old) fs.rmSync(folder, { recursive: true, force: true })
}

function writeJson(file: string, value: unknown): void {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, JSON.stringify(value))
}

/** Once, and not for every request. */
function compress(folder: string): void {
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(js|css|json|svg)$/.test(entry.name)) continue
    const file = path.join(entry.parentPath, entry.name)
    const params = { [constants.BROTLI_PARAM_QUALITY]: 9 }
    fs.writeFileSync(`${file}.br`, brotliCompressSync(fs.readFileSync(file), { params }))
  }
}
