/** What the part `quiet` makes of its figures. */
import { expect, test } from 'vitest'
import { quiet } from '../src/quiet/quiet.ts'

const sample = { round: 0, caller: 0, answered: false, left: 290 }

test('a query that took all of its time is told to have run to its end, and one that did not, to be stopped', () => {
  const text = quiet.render(
    {
      asking: [0.1],
      subjects: [
        { subject: 'promises', answerMs: 2000, samples: [{ ...sample, query: 2, request: 1, left: 1990 }] },
        {
          subject: 'naive',
          answerMs: 300,
          samples: [
            { ...sample, query: 291, request: 290, answered: true },
            { ...sample, query: 292, request: 1 },
          ],
        },
      ],
    },
    {},
  )
  expect(text).toContain('| 2.00 / 2.00 / 2.00 / 2.00 | stopped | 1.00 / 1.00 / 1.00 / 1.00 | stopped |')
  expect(text).toMatch(/\| ran to its end \|.*\| ran to its end, 1 of 2 \|/)
})

test('a style that fails a clause is told with it, and no style is compared without the control', () => {
  const samples = Array.from({ length: 13 }, (_, round) => ({ ...sample, round, query: 2, request: 1 }))
  const text = quiet.render(
    {
      asking: [0.1],
      subjects: ['callbacks', 'promises'].map((subject) => ({ subject, answerMs: 2000, samples })),
    },
    { effect: { combine: ['abort'] } },
  )
  expect(text).toContain('| effect | not measured: clause abort |')
  expect(text).not.toContain('no difference seen')
})
