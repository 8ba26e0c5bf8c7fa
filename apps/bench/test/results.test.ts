import fs from 'node:fs'
import { expect, test } from 'vitest'
import { parts } from '../src/parts.ts'
import { makeResults } from '../src/results.ts'

test('what is told of the results is what the raw figures say', async () => {
  const results = await makeResults(parts)
  const read = (file: string) => fs.readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8')
  // When it is not: npm run docs.
  expect(Object.fromEntries(Object.keys(results).map((file) => [file, read(file)]))).toEqual(results)
})
