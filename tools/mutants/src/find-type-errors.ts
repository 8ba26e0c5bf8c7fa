import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

/**
 * Compiles changed sources of one package, each beside the unchanged others, and tells which have type errors, by
 * their places in `texts`. What is unused is no error: it is often all that a mutant changes in the types.
 *
 * @param folder The package, below the root: `packages/promises`.
 */
export function findTypeErrors(
  root: string,
  folder: string,
  texts: readonly { readonly name: string; readonly text: string }[],
): ReadonlySet<number> {
  if (texts.length === 0) return new Set()
  // Inside of the repository, so that imports lead to where they led before.
  const scratch = path.join(root, `.stryker-tmp-types-${process.pid}`)
  try {
    fs.cpSync(path.join(root, folder, 'src'), scratch, { recursive: true })
    for (const [index, { name, text }] of texts.entries()) {
      fs.writeFileSync(path.join(scratch, `${name}.mutant-${index}.ts`), text)
    }
    const config = {
      extends: path.join(root, 'tsconfig.json'),
      compilerOptions: { noUnusedLocals: false, noUnusedParameters: false, allowUnreachableCode: true },
      include: ['*.ts'],
    }
    fs.writeFileSync(path.join(scratch, 'tsconfig.json'), JSON.stringify(config))
    const { stdout, error } = spawnSync('tsc', ['-p', scratch, '--pretty', 'false'], { encoding: 'utf8' })
    if (error) throw error
    return new Set([...stdout.matchAll(/^\S+\.mutant-(\d+)\.ts\(\d/gm)].map(([, index]) => Number(index)))
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true })
  }
}
