/**
 * Builds the page below `dist`, unless it is there already: what the browser loads, what the server renders with,
 * and the code that is shown. A build is named by the contents of all that went into it, so what is shown is what runs.
 *
 * It prints the directory. Builds at the same time do not meet: each is made elsewhere and then put in its place.
 */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'

const home = path.resolve(import.meta.dirname, '../..')
const root = path.resolve(home, '../..')
const dist = path.join(home, 'dist')

const KEPT = 5

const target = path.join(dist, nameOfContents())
if (!fs.existsSync(target)) await build()
console.log(target)

/** All that goes into the page. */
function nameOfContents(): string {
  const folders = [
    path.join(home, 'src'),
    ...fs.globSync(path.join(root, 'packages/*/src')),
    path.join(root, 'tools/house-rules/src'),
  ]
  const files = folders.flatMap((folder) =>
    fs
      .readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name)),
  )
  const hash = createHash('sha256')
  for (const file of [
    ...files.toSorted(),
    path.join(root, 'package-lock.json'),
    path.join(home, 'vite.config.ts'),
  ])
    hash.update(path.relative(root, file)).update('\0').update(fs.readFileSync(file)).update('\0')
  return hash.digest('hex').slice(0, 16)
}

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
