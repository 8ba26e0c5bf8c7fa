/**
 * What a style's verdicts depend on, in one number: so that verdicts which are kept can be told from those of other
 * sources, whatever the commit is called, and also where nothing has been committed.
 */
import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Of the style's own files and its dependencies' versions, the suite's, and those of what both are made of. */
export async function hashSources(style: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of [style, 'conformance', 'workload']) {
    const directory = fileURLToPath(new URL('..', import.meta.resolve(`@overlap/${name}`)))
    for (const file of ['package.json', ...(await sourcesIn(directory))]) {
      hash.update(JSON.stringify([name, file, await readFile(path.join(directory, file), 'utf8')]))
    }
  }
  return hash.digest('hex')
}

async function sourcesIn(directory: string): Promise<string[]> {
  const files = await readdir(path.join(directory, 'src'), { recursive: true })
  return files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.join('src', file))
    .toSorted()
}
