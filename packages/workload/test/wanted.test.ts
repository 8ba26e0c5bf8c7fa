import { expect, test } from 'vitest'
import { Wanted } from '../src/index.ts'

test('each sku is wanted once, however many wait for it', () => {
  const wanted = new Wanted()
  for (const sku of ['B', 'A', 'B']) wanted.add(sku)
  expect(wanted.skus).toEqual(['B', 'A'])
  expect(wanted.size).toBe(2)
})

test('a sku keeps its place until the last who waits for it has left', () => {
  const wanted = new Wanted()
  for (const sku of ['B', 'A', 'B']) wanted.add(sku)
  wanted.remove('B')
  expect(wanted.skus).toEqual(['B', 'A'])
  wanted.remove('B')
  wanted.add('B')
  expect(wanted.skus).toEqual(['A', 'B'])
})

test('what nobody waits for can be removed, too', () => {
  const wanted = new Wanted()
  wanted.remove('A')
  wanted.add('A')
  expect(wanted.skus).toEqual(['A'])
})
