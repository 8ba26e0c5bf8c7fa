/** Writes the tables that are made from the code into their documents: `npm run docs`. */
import fs from 'node:fs'
import path from 'node:path'
import { read, root } from './sources.ts'
import { place } from './markdown.ts'
import { tables } from './tables.ts'

for (const table of Object.values(tables)) {
  fs.writeFileSync(path.join(root, table.file), place(table, read(table.file)))
}
