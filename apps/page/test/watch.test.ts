/** The panel Watch in a browser: what is run, what is drawn and told of it, and how it is changed. */
import { text as read } from 'node:stream/consumers'
import type { Page } from 'playwright-core'
import { describe, expect, inject, test } from 'vitest'
import { expectAccessible, expectToFit, useBrowser } from './browser.ts'

const open = useBrowser()

const fails = 'dbMs=1000&httpMs=50&httpFault=fail'

/** Resolves with what is said once nothing runs any more. */
async function verdictOf(page: Page): Promise<string> {
  await page.locator('.said:not(:empty)').waitFor({ state: 'attached' })
  return (await page.locator('.said').textContent()) ?? ''
}

/** The calls' table, a row each. */
const callsOf = async (page: Page) =>
  await page
    .locator('table.calls tbody tr')
    .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)))

const field = (page: Page, name: string) => page.locator(`.controls input[name=${name}]`)

const search = (page: Page) => new URL(page.url()).searchParams

describe('watch', () => {
  test('shows what the naive version leaves running, and that a style leaves nothing', async () => {
    const page = await open(`/?tab=watch&styles=promises,naive&${fails}&run=1`)
    const verdict = await verdictOf(page)
    const pattern =
      /promises failed after \d+ ms, (\d+) ms of work after the result\. naive failed after \d+ ms, ([\d,]+) ms of work after the result, which nobody stopped\./
    const [, stopped = '', abandoned = ''] = pattern.exec(verdict) ?? []
    expect(Number(abandoned)).toBeGreaterThan(800)
    expect(Number(stopped)).toBeLessThan(Number(abandoned) / 2)
    const rows = await callsOf(page)
    expect(rows.map((row) => [row[0], row[1], row[6]])).toEqual([
      ['promises', 'findStock', 'cancelled'],
      ['promises', 'fetchReservation', 'failed'],
      ['naive', 'findStock', 'succeeded'],
      ['naive', 'fetchReservation', 'failed'],
    ])
    const late = await page
      .locator('.waterfall rect.late')
      .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().width))
    expect(Math.max(...late)).toBeGreaterThan(500)
    expect(await page.locator('.waterfall tspan.late').textContent()).toContain('which nobody stopped')
    expect(await page.locator('td.answer').first().innerText()).toContain('502 Bad Gateway')
  })

  test('runs with a key, all six at once, each from its own zero', async () => {
    const page = await open(
      '/?tab=watch&styles=callbacks,promises,generators,observables,effect,naive&dbMs=1000&httpMs=50',
    )
    await page.getByText('A browser has six connections').waitFor()
    let answered = 0
    page.on('requestfinished', (request) => (answered += request.url().includes('/api/run/') ? 1 : 0))
    // Another run is the end of the one before.
    await page.keyboard.press('r')
    await page.keyboard.press('r')
    expect((await verdictOf(page)).match(/answered after/g)).toHaveLength(6)
    expect(answered).toBe(6)
    const rows = await callsOf(page)
    expect(rows).toHaveLength(12)
    // The sixth begins when another has ended: by the first one's zero, that is after its query.
    for (const row of rows) expect(Number(row[2])).toBeLessThan(1000)
    expect(search(page).get('run')).toBe('1')
  })

  test('leaves as a client does, with a key, and after so many milliseconds', async () => {
    const page = await open('/?tab=watch&styles=effect&dbMs=5000&httpMs=5000')
    await page.keyboard.press('r')
    await page.locator('table.calls tbody tr').nth(1).waitFor()
    await page.keyboard.press('c')
    expect(await verdictOf(page)).toMatch(
      /^effect cancelled after [\d,]+ ms, \d+ ms of work after the result\.$/,
    )
    expect(await page.locator('td.answer').innerText()).toBe('It had left.')
    await field(page, 'leaveMs').fill('250')
    await field(page, 'leaveMs').press('Enter')
    await page
      .locator('.said', { hasText: /effect cancelled after (2[4-9]\d|[3-9]\d\d|1,\d+) ms/ })
      .waitFor({ state: 'attached' })
    expect(search(page).get('leaveMs')).toBe('250')
  })

  test('changes a delay when the end of a bar is dragged, and runs again', async () => {
    const page = await open('/?tab=watch&styles=promises&dbMs=600&httpMs=50&run=1')
    await verdictOf(page)
    const grip = await page.locator('.grip rect').first().boundingBox()
    const tick = async (text: string) =>
      (await page.locator('.tick-label', { hasText: new RegExp(`^${text} ms$`) }).boundingBox()) ?? {
        x: 0,
        width: 0,
      }
    const two = await tick('200')
    if (!grip) throw new Error('there is nothing to drag')
    const y = grip.y + grip.height / 2
    await page.mouse.move(grip.x + grip.width / 2, y)
    await page.mouse.down()
    await page.mouse.move(two.x + two.width / 2, y, { steps: 5 })
    await page.locator('.dragged', { hasText: /query takes 200 ms/ }).waitFor()
    await page.mouse.up()
    await page.locator('.said', { hasText: /answered after [2-5]\d\d ms/ }).waitFor({ state: 'attached' })
    expect(search(page).get('dbMs')).toBe('200')
    expect(await field(page, 'dbMs').inputValue()).toBe('200')
  })

  test('steps by 50 ms from what is there, and shows what a delay can be', async () => {
    const page = await open('/?tab=watch&scenario=timeout&dbMs=10000')
    await field(page, 'ms').press('ArrowUp')
    expect(await field(page, 'ms').inputValue()).toBe('1050')
    await field(page, 'dbMs').fill('99999')
    await field(page, 'dbMs').press('Tab')
    expect(await field(page, 'dbMs').inputValue()).toBe('10000')
    await field(page, 'leaveMs').fill('-5')
    await field(page, 'leaveMs').press('Tab')
    expect(await field(page, 'leaveMs').inputValue()).toBe('')
  })

  test('runs what a preset says, and a copy of its address does too', async () => {
    const page = await open('/?tab=watch&scenario=limit&limit=5&abortMs=50')
    await page.getByRole('link', { name: 'Nobody waits longer than 500 ms: timeout' }).click()
    expect(await verdictOf(page)).toMatch(/promises failed after 5\d\d ms.* naive failed after 5\d\d ms/)
    expect(Object.fromEntries(search(page))).toEqual({
      tab: 'watch',
      scenario: 'timeout',
      styles: 'promises,naive',
      dbMs: '2000',
      httpMs: '1000',
      ms: '500',
      run: '1',
    })
    const copy = await open(new URL(page.url()).search.replace(/^/, '/'))
    await copy.locator('.waterfall .span').first().waitFor()
  })

  test('sells nothing to whoever follows a link', async () => {
    const page = await open('/?tab=watch&scenario=transaction&styles=effect&dbMs=0&httpMs=0&units=100')
    await page.getByRole('button', { name: 'Run' }).click()
    await verdictOf(page)
    expect(search(page).has('run')).toBe(false)
    const other = await open('/?tab=watch&scenario=transaction&styles=effect&run=1&dbMs=0')
    await other.getByText('to run transaction').waitFor()
  })

  test('runs nothing where no style is chosen', async () => {
    const page = await open('/?tab=watch&styles=none&run=1')
    await page.keyboard.press('r')
    await page.getByText('to run combine').waitFor()
    expect(await page.getByRole('button', { name: 'Client leaves' }).isDisabled()).toBe(true)
  })

  test('tells what the server refuses', async () => {
    const page = await open('/?tab=watch&styles=promises&sku=!&run=1')
    expect(await verdictOf(page)).toBe('promises did not begin.')
    expect(await page.locator('td.answer').innerText()).toMatch(/^400 Bad Request: sku: expected 1 to 64/)
    const long = await open(`/?tab=watch&styles=promises&sku=${'x'.repeat(300)}&run=1`)
    await verdictOf(long)
    await expectToFit(long, 360, 1280)
  })

  test('tells many answers, and what goes on until it is left', async () => {
    const page = await open('/?tab=watch&scenario=stream&styles=observables&dbMs=20&httpMs=20&run=1')
    expect(await verdictOf(page)).toMatch(/^observables answered/)
    expect(await page.locator('td.answer').innerText()).toBe('4 answers')
    const endless = await open('/?tab=watch&scenario=subscribe&styles=callbacks&run=1')
    await endless.locator('td', { hasText: 'is running' }).first().waitFor()
    await endless.keyboard.press('c')
    expect(await verdictOf(endless)).toMatch(/^callbacks cancelled/)
  })

  test('does not say of what it hears no more that it is running', async () => {
    const page = await open('/?tab=watch&styles=promises&dbMs=5000')
    // To break the stream off, the console would tell.
    await page.evaluate(() => {
      const Real = EventSource
      window.EventSource = class extends Real {
        constructor(url: string | URL) {
          super(url)
          addEventListener('breaks', () => this.dispatchEvent(new Event('error')))
        }
      }
    })
    await page.keyboard.press('r')
    await page.locator('td', { hasText: 'is running' }).first().waitFor()
    await page.evaluate(() => dispatchEvent(new Event('breaks')))
    await page.getByRole('alert').getByText('the connection was lost').waitFor()
    expect(await page.locator('.watch').innerText()).not.toContain('is running')
    expect(await page.locator('td.answer').innerText()).toBe('not known')
  })

  test('saves a picture that carries its own colours', async () => {
    const page = await open(`/?tab=watch&styles=promises,naive&dbMs=1000&httpMs=50&httpFault=fail&run=1`)
    await verdictOf(page)
    const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('s')])
    expect(download.suggestedFilename()).toBe('overlap-combine.svg')
    const svg = await read(await download.createReadStream())
    expect(svg).toContain('combine: the query takes 1,000 ms, HTTP takes 50 ms and fails')
    expect(svg).not.toMatch(/ class=|var\(|light-dark|grip/)
    expect(svg).toContain('fill="url(#watch-late)"')
    // A picture that is a document of its own, and shows without this page.
    const drawn = await open('/livez')
    await drawn.setContent(svg)
    const colours = await drawn
      .locator('rect')
      .evaluateAll((all) => [...new Set(all.map((one) => getComputedStyle(one).fill))])
    expect(colours.length).toBeGreaterThan(5)
    // Neither what has no colour, nor what one takes hold of.
    expect(colours).not.toContain('rgb(0, 0, 0)')
    expect(colours).not.toContain('rgba(0, 0, 0, 0)')
  })

  test('draws no motion for who wants less of it, and shows what has happened', async () => {
    const page = await open('/?tab=watch&styles=promises&dbMs=900&httpMs=10&run=1', {
      reducedMotion: 'reduce',
    })
    await page.locator('.waterfall .span').first().waitFor()
    const changes = await page.evaluate(async () => {
      let seen = 0
      const observer = new MutationObserver(() => seen++)
      observer.observe(document.querySelector('.waterfall') ?? document.body, {
        subtree: true,
        attributes: true,
      })
      await new Promise((resolve) => setTimeout(resolve, 600))
      return seen
    })
    expect(changes).toBeLessThan(8)
    await verdictOf(page)
  })

  test('is a form and links without JavaScript', async () => {
    const page = await open('/?tab=watch&styles=effect', { javaScriptEnabled: false })
    await field(page, 'dbMs').fill('10')
    await field(page, 'httpMs').fill('20')
    await page.getByRole('button', { name: 'Set' }).click()
    expect(await page.locator('.notice').count()).toBe(0)
    const href = await page.getByRole('link', { name: 'Run it in effect' }).getAttribute('href')
    const answer: unknown = await (await fetch(`${inject('server')}${href}`)).json()
    expect(href).toContain('dbMs=10&httpMs=20')
    expect(answer).toMatchObject({ style: 'effect', trace: [{ call: 'findStock' }, {}] })
  })

  test('has nothing that stands in the way of anybody, light or dark', async () => {
    const page = await open(`/?tab=watch&styles=promises,naive&dbMs=200&httpMs=50&httpFault=fail&run=1`)
    await verdictOf(page)
    await expectAccessible(page)
  })

  test('fits any window, and so does its picture', async () => {
    const page = await open('/?tab=watch&scenario=regulate&styles=callbacks,naive&httpMs=20&run=1')
    await verdictOf(page)
    for (const width of [360, 768, 2560]) {
      await expectToFit(page, width)
      await expectPictureToFit(page)
    }
  })

  async function expectPictureToFit(page: Page) {
    const { clipped, right } = await page.evaluate(() => {
      const svg = document.querySelector('.waterfall svg')?.getBoundingClientRect()
      const texts = [...document.querySelectorAll('.waterfall text')]
      return {
        right: (svg?.right ?? Infinity) - innerWidth,
        clipped: texts
          .filter((text) => text.getBoundingClientRect().right > (svg?.right ?? 0) + 1)
          .map((text) => text.textContent),
      }
    })
    expect(clipped).toEqual([])
    expect(right).toBeLessThanOrEqual(0)
  }

  test('stands alone in a frame', async () => {
    const page = await open(`/embed/watch?styles=promises,naive&dbMs=100&httpMs=50&run=1`)
    await verdictOf(page)
    expect(await page.locator('nav, .presets a').first().isVisible()).toBe(false)
    expect(await page.getByRole('button', { name: 'Run' }).isVisible()).toBe(true)
  })
})
