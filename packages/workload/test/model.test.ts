import { expect, test } from 'vitest'
import { noReservation, toAvailability } from '../src/index.ts'

test('what is available is what is on hand without what is reserved', () => {
  const availability = toAvailability({ sku: 'A-42', onHand: 42 }, { sku: 'A-42', reserved: 2 })
  expect(availability).toEqual({ sku: 'A-42', onHand: 42, reserved: 2, available: 40 })
})

test('what is available falls below zero when more was promised than is there', () => {
  const availability = toAvailability({ sku: 'A-42', onHand: 1 }, { sku: 'A-42', reserved: 3 })
  expect(availability.available).toBe(-2)
})

test('nothing is reserved of a product that is out of stock', () => {
  expect(noReservation('B-0')).toEqual({ sku: 'B-0', reserved: 0 })
})
