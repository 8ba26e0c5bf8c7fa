/** Reads the repository's own sources, for the rules and the tables that are about them. */
import fs from 'node:fs'
import path from 'node:path'
import { codeOf } from './lines-of.ts'

/** The root of the repository. */
export const root = path.resolve(import.meta.dirname, '../../..')

/** The text of a file, by its path from the root. */
export function read(file: string): string {
  return fs.readFileSync(path.join(root, file), 'utf8')
}

/** The TypeScript files below a folder, as paths from the root, in alphabetical order. */
export function sourcesIn(folder: string): string[] {
  return fs
    .readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .filter((file) => !file.includes('node_modules'))
    .toSorted()
}

/** The folders directly below a folder, such as the packages in `packages`. */
export function foldersIn(folder: string): string[] {
  return fs
    .readdirSync(path.join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${folder}/${entry.name}`)
}

/** What a file imports: packages, built-in modules and files, as they are written. */
export function importsOf(text: string): string[] {
  const found = codeOf(text).matchAll(/(?:\bfrom|^import|\bimport\()\s*'([^']+)'/gm)
  return [...found].flatMap(([, name]) => name ?? [])
}
