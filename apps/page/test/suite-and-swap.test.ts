/** The panels that change something on the server, so they have one of their own. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectAccessible, expectToFit, useBrowser } from './browser.ts'
import { type LaunchedServer, launchServer } from './launch-server.ts'

let server: LaunchedServer
beforeAll(async () => {
  server = await launchServer()
})
afterAll(() => server.stop())
const open = useBrowser(() => server.url)

const PATIENT = { timeout: 60_000 }

const fieldsOf = (page: Page) => Object.fromEntries(new URL(page.url()).searchParams)

/** The server asks for a token: without the failed request, which the console would tell. */
const asksForToken = () => {
  const real = window.fetch
  window.fetch = async (input, init) => {
    const { method = 'GET', headers = {} } = init ?? {}
    const { authorization } = headers as { readonly authorization?: string }
    if (method === 'GET' || authorization === 'Bearer right-0123456789') return real(input, init)
    return new Response('{}', { status: 401 })
  }
}

/** The server does not answer any more, until `isBack`: without the failed request, which the console would tell. */
const goesAway = () => {
  const real = window.fetch
  window.fetch = async () => Promise.reject(new TypeError('Failed to fetch'))
  addEventListener('isBack', () => (window.fetch = real))
}
const isBack = () => dispatchEvent(new Event('isBack'))

const GONE = 'The server could not be reached.'

describe('suite', () => {
  test('judges a scenario in all styles, and tells how each of them did', { timeout: 90_000 }, async () => {
    const page = await open('/?tab=suite&scenario=race')
    await page.evaluate(noteWhatIsSaid)
    await page.getByRole('button', { name: 'Judge race alone' }).click()
    await page.getByText(/^Judging race in \w+: \d+ of 108 clauses\.$/).waitFor(PATIENT)
    await page.getByText(/^The last run, of race, ended at .* 108 of 108 clauses/).waitFor(PATIENT)
    const row = page.getByRole('row', { name: /^race/ })
    expect((await row.locator('td').allInnerTexts()).map((text) => text.trim())).toEqual([
      '18',
      '✓ 18',
      '✓ 18',
      '✓ 18',
      '✓ 18',
      '✓ 18',
      expect.stringMatching(/^✗ 1[0-7]$/) as string,
    ])
    // Aloud: when it begins and when it is over, and not in between.
    const said = await page.evaluate(() => document.body.dataset['said'])
    expect(said).toBe('The suite has begun. The suite is over. ')
  })

  test('shows the verdicts of all styles beside the scenarios', async () => {
    const page = await open('/?tab=suite&scenario=race')
    const { top, hidden } = await page.locator('.clause-table').evaluate((table) => {
      const box = table.parentElement
      return {
        top:
          table.getBoundingClientRect().top -
          (document.querySelector('.summary')?.getBoundingClientRect().top ?? 0),
        hidden: box ? box.scrollWidth - box.clientWidth : NaN,
      }
    })
    expect(top).toBeLessThan(200)
    expect(hidden).toBeLessThanOrEqual(0)
  })

  test('leads from a verdict to what was seen, and to the test', async () => {
    const page = await open('/?tab=suite&scenario=race')
    await page.getByRole('link', { name: 'fails: naive, race, nothing outlives it' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'naive fails it' }).waitFor()
    expect(await page.locator('.message').innerText()).toContain('calls were running when it settled')
    const marked = page.locator('.marked')
    await marked.first().waitFor()
    expect((await marked.allInnerTexts()).join('')).toContain("id: 'nothing outlives it'")
    // Within its box, and not far below what can be seen of it.
    const top = await marked.first().evaluate((line) => {
      const box = line.closest('pre')
      return box ? line.getBoundingClientRect().top - box.getBoundingClientRect().top : NaN
    })
    expect(top).toBeGreaterThan(0)
    expect(top).toBeLessThan(100)
    expect(fieldsOf(page)).toMatchObject({ by: 'naive', clause: 'nothing outlives it' })
    const source = await page.request.get(
      server.url + ((await page.locator('.source a').first().getAttribute('href')) ?? ''),
    )
    expect(await source.text()).toContain("id: 'nothing outlives it'")
    await page.keyboard.press('c')
    expect(await page.locator('.detail').count()).toBe(0)
  })

  test('tells the seed of a walk that has failed', async () => {
    const page = await open('/?tab=suite&scenario=race&clause=any+schedule&by=naive')
    const detail = await page.locator('.detail').innerText()
    expect(detail).toMatch(/seed -?\d+, path [\d:]+/)
    expect(detail).toContain('packages/conformance/src/walk.ts, line')
  })

  test('shows what fails alone, of one scenario or of every one', async () => {
    const page = await open('/?tab=suite&scenario=race')
    const rows = () => page.locator('.clause-table tbody tr:not(.group)').count()
    expect(await rows()).toBe(18)
    await page.keyboard.press('o')
    const failing = await rows()
    expect(failing).toBeLessThan(18)
    await page.keyboard.press('e')
    // No other has been judged.
    expect(await page.locator('.clause-table .group').count()).toBe(1)
    expect(await rows()).toBe(failing)
    await page.getByRole('checkbox', { name: 'only what fails' }).uncheck()
    expect(await page.locator('.clause-table .group').count()).toBe(16)
    expect(await rows()).toBeGreaterThan(300)
    expect(fieldsOf(page)).toEqual({ tab: 'suite', scenario: 'race', every: '1' })
  })

  test('can be stopped', { timeout: 90_000 }, async () => {
    const page = await open('/?tab=suite')
    await page.getByRole('button', { name: 'Judge everything' }).click()
    await page.getByRole('progressbar', { name: 'Clauses judged' }).waitFor()
    expect(await page.getByRole('button', { name: 'Judge everything' }).isDisabled()).toBe(true)
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByText(/^The last run, of all scenarios, was stopped at/).waitFor(PATIENT)
  })

  test(
    'tells that the server is gone, and asks it once where one asks twice',
    { timeout: 90_000 },
    async () => {
      const page = await open('/?tab=suite&scenario=race')
      await page.evaluate(goesAway)
      await page.getByRole('button', { name: 'Judge race alone' }).click()
      await page.getByRole('alert').getByText(GONE).waitFor()
      await page.evaluate(isBack)
      await page.getByRole('button', { name: 'Judge race alone' }).dblclick()
      await page.getByText(/^Judging race in \w+/).waitFor(PATIENT)
      expect(await page.getByRole('alert').count()).toBe(0)
      await page.getByRole('button', { name: 'Stop' }).click()
      await page.getByText(/^The last run, of race, was stopped at/).waitFor(PATIENT)
    },
  )

  test('asks for the admin token when the server does, and then goes on', { timeout: 90_000 }, async () => {
    const page = await open('/?tab=suite&scenario=race')
    await page.evaluate(asksForToken)
    await page.getByRole('button', { name: 'Judge race alone' }).click()
    await page.getByText('lets nobody change it without its admin token').waitFor()
    await page.getByLabel('Admin token').fill('wrong')
    await page.keyboard.press('Enter')
    await page.getByText('That is not the admin token').waitFor()
    await page.getByLabel('Admin token').fill('right-0123456789')
    await page.keyboard.press('Enter')
    await page.getByText(/^Judging race/).waitFor()
    expect(await page.getByLabel('Admin token').count()).toBe(0)
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByText(/was stopped at/).waitFor(PATIENT)
    expect(page.url()).not.toContain('right')
  })

  test('is there without JavaScript: the verdicts, one of them, and what fails', async () => {
    const page = await open('/?tab=suite&scenario=race', { javaScriptEnabled: false })
    expect(await page.getByText('The last run').count()).toBe(1)
    await page.getByRole('link', { name: 'fails: naive, race, any schedule' }).click()
    expect(await page.locator('.detail').innerText()).toContain('seed')
    expect(await page.locator('.marked').count()).toBeGreaterThan(5)
    await page.getByRole('checkbox', { name: 'only what fails' }).check()
    await page.getByRole('button', { name: 'Show' }).click()
    const rows = await page.locator('.clause-table tbody tr').count()
    expect(rows).toBeGreaterThan(0)
    expect(rows).toBe(await page.locator('.clause-table tbody td.failed').count())
  })

  test('says so when a clause of the address is not there', async () => {
    const page = await open('/?tab=suite&scenario=race&clause=nope&by=effect')
    await page.getByText('race has no clause “nope”.').waitFor()
  })

  test('is loaded when it is reached from another panel', async () => {
    const page = await open('/')
    await page.keyboard.press('S')
    await page.getByText('The last run').waitFor()
    await page.locator('.summary td.failed').first().waitFor()
  })

  test('fits any window', async () => {
    const page = await open('/?tab=suite&scenario=race&clause=any+schedule&by=naive')
    await page.locator('.marked').first().waitFor()
    await expectToFit(page, 360, 768, 2560)
  })

  test('has nothing that stands in the way of anybody, light or dark', async () => {
    const page = await open('/?tab=suite&scenario=race&clause=any+schedule&by=naive')
    await page.locator('.marked').first().waitFor()
    await expectAccessible(page)
  })
})

describe('swap', () => {
  test('tells that the server is gone, and that it is not known what runs', async () => {
    const page = await open('/?tab=swap')
    await page.evaluate(goesAway)
    await page.getByRole('button', { name: 'Switch for everybody' }).click()
    await page.getByRole('alert').getByText(GONE).waitFor()
    await page.keyboard.press('r')
    const unknown = page.getByText('What runs now is not known')
    await unknown.waitFor()
    await page.evaluate(isBack)
    await unknown.waitFor({ state: 'detached', timeout: 10_000 })
  })

  const activeStyle = async (page: Page) => {
    const response = await page.request.get(`${server.url}/api/styles`)
    return ((await response.json()) as { readonly active: string }).active
  }
  const lane = (page: Page, style: string) => page.locator('.lanes tr', { hasText: style }).innerText()

  test('shows every run that goes on, however many, so that each can be left', async () => {
    const page = await open('/?tab=swap&slow=1')
    for (let n = 0; n < 10; n++) await page.keyboard.press('r')
    expect(await page.getByRole('button', { name: 'Leave it' }).count()).toBe(10)
    await page.keyboard.press('c')
    await page.getByRole('cell', { name: 'left' }).nth(9).waitFor()
    await page.keyboard.press('r')
    expect(await page.getByRole('cell', { name: 'left' }).count()).toBe(7)
    await page.keyboard.press('c')
  })

  test('tries a style here, and leaves the server as it is', async () => {
    const page = await open('/?tab=swap')
    await page.getByRole('region', { name: 'Try here' }).getByLabel('observables').check()
    await page.keyboard.press('r')
    const runs = page.getByRole('region', { name: 'Your runs' })
    await runs.getByText('answered').waitFor()
    expect(await runs.locator('tbody tr').innerText()).toMatch(
      /^combine\s+observables\s+observables\s+\d+\s+answered$/,
    )
    expect(fieldsOf(page)).toEqual({ tab: 'swap', try: 'observables' })
    expect(await activeStyle(page)).toBe('promises')
  })

  test('tells what came of a run that fails, and of many answers', async () => {
    const page = await open('/?tab=swap&scenario=stream&try=effect')
    await page.keyboard.press('r')
    const runs = page.getByRole('region', { name: 'Your runs' })
    await runs.getByText('answered').waitFor()
    expect(await runs.locator('tbody tr').innerText()).toMatch(/^stream\s+effect\s+effect/)
    await page.evaluate(() => {
      window.fetch = async () => new Response('{"detail":"The server is closing."}', { status: 503 })
    })
    await page.keyboard.press('r')
    await runs.getByText('503: The server is closing.').waitFor()
  })

  test('switches the server for everybody, and shows what drains until it has', async () => {
    const page = await open('/?tab=swap&slow=1')
    await page.keyboard.press('r')
    await page.keyboard.press('r')
    await page.locator('.lanes tr', { hasText: 'promises' }).getByText('2').waitFor()
    const everybody = page.getByRole('region', { name: 'Switch the server' })
    await everybody.getByLabel('effect').check()
    expect(await activeStyle(page)).toBe('promises')
    await everybody.getByRole('button', { name: 'Switch for everybody' }).click()
    await page.getByText('The server runs in effect, for everybody.').waitFor()
    expect(await activeStyle(page)).toBe('effect')
    await expect.poll(() => lane(page, 'promises')).toMatch(/promises\s+◐ draining\s+2\s+2/)
    expect(await lane(page, 'effect')).toMatch(/effect\s+● active\s+0\s+0/)
    // They leave: nobody has to wait for 3 s.
    await page.keyboard.press('c')
    await page.getByText('left').first().waitFor()
    await expect.poll(() => lane(page, 'promises'), { timeout: 5000 }).toMatch(/○ on request\s+0\s+0/)
    await everybody.getByLabel('promises').check()
    await everybody.getByRole('button', { name: 'Switch for everybody' }).click()
    await expect.poll(() => activeStyle(page)).toBe('promises')
  })

  test('shows also what drains of others, until it has', async () => {
    const page = await open('/?tab=swap')
    const run = page.request.get(`${server.url}/api/run/combine?sku=A-42&dbMs=3000`)
    const running = async () => (await page.request.get(`${server.url}/api/styles`)).text()
    await expect.poll(running).toContain('"running":1')
    const everybody = page.getByRole('region', { name: 'Switch the server' })
    await everybody.getByLabel('generators').check()
    await everybody.getByRole('button', { name: 'Switch for everybody' }).click()
    await expect.poll(() => lane(page, 'promises')).toMatch(/◐ draining\s+1\s+1/)
    await expect.poll(() => lane(page, 'promises'), { timeout: 10_000 }).toMatch(/○ on request\s+0\s+0/)
    expect(await (await run).json()).toMatchObject({ style: 'promises' })
    await everybody.getByLabel('promises').check()
    await everybody.getByRole('button', { name: 'Switch for everybody' }).click()
    await expect.poll(() => activeStyle(page)).toBe('promises')
  })

  test('asks for the admin token only if the server does', async () => {
    const page = await open('/?tab=swap')
    expect(await page.getByLabel('Admin token').count()).toBe(0)
    await page.evaluate(asksForToken)
    const everybody = page.getByRole('region', { name: 'Switch the server' })
    await everybody.getByLabel('callbacks').check()
    await everybody.getByRole('button', { name: 'Switch for everybody' }).click()
    await everybody.getByLabel('Admin token').fill('right-0123456789')
    expect(await activeStyle(page)).toBe('promises')
    await everybody.getByRole('button', { name: 'Send it and go on' }).click()
    await expect.poll(() => activeStyle(page)).toBe('callbacks')
    await everybody.getByLabel('promises').check()
    await everybody.getByRole('button', { name: 'Switch for everybody' }).click()
    await expect.poll(() => activeStyle(page)).toBe('promises')
  })

  test('is there without JavaScript: what runs, and links that run', async () => {
    const page = await open('/?tab=swap', { javaScriptEnabled: false })
    expect(await lane(page, 'promises')).toMatch(/● active/)
    const href = await page.getByRole('link', { name: 'generators' }).getAttribute('href')
    const response = await page.request.get(server.url + (href ?? ''))
    expect(await response.json()).toMatchObject({ scenario: 'combine', style: 'generators' })
  })

  test('has nothing that stands in the way of anybody, light or dark', async () => {
    const page = await open('/?tab=swap&try=effect')
    await page.keyboard.press('r')
    await page.getByText('answered').waitFor()
    await expectAccessible(page)
    await expectToFit(page, 360, 1280)
  })
})

/** In the browser: collects what a screen reader would say. */
function noteWhatIsSaid() {
  const observer = new MutationObserver((records) => {
    for (const { target } of records) {
      const element = target instanceof Element ? target : target.parentElement
      const region = element?.closest('[role=status], [role=alert], [aria-live]')
      if (region?.textContent) document.body.dataset['said'] += `${region.textContent} `
    }
  })
  document.body.dataset['said'] = ''
  observer.observe(document.body, { subtree: true, childList: true, characterData: true })
}
