import { expect, test } from 'vitest'
import { type Port, perPort } from '../src/index.ts'

// A cast, because nothing of a port is called here.
const createPort = () => ({}) as Port

test('is made once for each port', () => {
  let made = 0
  const number = perPort(() => ({ number: ++made }))
  const [one, other] = [createPort(), createPort()]
  expect([one, other, one, other].map((port) => number(port).number)).toEqual([1, 2, 1, 2])
})

test('is made of its port', () => {
  const port = createPort()
  expect(perPort((its) => ({ its }))(port).its).toBe(port)
})
