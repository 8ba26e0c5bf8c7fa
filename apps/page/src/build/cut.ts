/**
 * Cuts a file into its parts. Every scenario's file has the same order of ideas: imports, types, what it does, how,
 * and its helpers; so the parts are told by the syntax alone, and no mark stands in the code.
 */
import { parseSync } from 'vite'
import type { Part } from '../exhibit.ts'

/** The first line of each part, from 0, in their order; `name`: what the program is called. */
export function cut(code: string, name: string): { readonly part: Part; readonly line: number }[] {
  const { program, comments, errors } = parseSync('file.ts', code)
  if (errors.length > 0) throw new Error(`${name}: ${errors[0]?.message}`)
  const nodes = program.body
  const isMain = (node: (typeof nodes)[number]) =>
    node.type === 'ExportNamedDeclaration' && exports(node).includes(name)
  const main = nodes.findIndex(isMain)
  const node = nodes[main]
  if (!node) throw new Error(`${name}: it is not exported`)
  const lineOf = (offset: number) => code.slice(0, offset).split('\n').length - 1
  const endOf = (index: number) => nodes[index]?.end ?? 0
  /** Where what belongs to a node begins: its own comments are above it. */
  const startOf = (index: number): number => {
    const own = comments.filter(
      ({ start, end }) => start >= endOf(index - 1) && end <= (nodes[index]?.start ?? 0),
    )
    return own[0]?.start ?? nodes[index]?.start ?? code.length
  }
  const doc = comments.findLast(({ end }) => end <= node.start && end > endOf(main - 1))
  const imports = nodes.findLastIndex(({ type }) => type === 'ImportDeclaration')
  const places: { part: Part; line: number }[] = [{ part: 'imports', line: 0 }]
  if (main > imports + 1) places.push({ part: 'types', line: lineOf(startOf(imports + 1)) })
  if (doc) places.push({ part: 'docstring', line: lineOf(doc.start) })
  places.push({ part: 'program', line: lineOf(node.start) })
  // Overloads and the like belong to the program.
  if (nodes[main + 1]) places.push({ part: 'helpers', line: lineOf(startOf(main + 1)) })
  return places
}

function exports(node: { declaration?: unknown }): string[] {
  const declaration = node.declaration as
    | { id?: { name?: string }; declarations?: readonly { id: { name?: string } }[] }
    | null
    | undefined
  const ids = declaration?.declarations?.map(({ id }) => id) ?? [declaration?.id]
  return ids.map((id) => id?.name ?? '')
}
