import { experiments } from '@overlap/load/experiments'
import type { Page } from 'playwright-core'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { expectAccessible, expectToFit, useBrowser } from './browser.ts'

const open = useBrowser()

/** Of a few requests, so that others have something of the machine, too. */
const few = '&loadModel=open&loadRate=40'
const two = `/?tab=load&styles=promises,effect${few}`

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const status = (page: Page) => page.locator('.load-figures .status strong')

describe('load', () => {
  test('shows the talks’ table without JavaScript, and nothing that needs it', async () => {
    const page = await open('/?tab=load', { javaScriptEnabled: false })
    const rows = await page.locator('.experiments tbody tr').allInnerTexts()
    expect(rows).toHaveLength(14)
    for (const [index, { id, theirs, floor, point }] of experiments.entries())
      for (const text of [id, theirs, floor ?? '–', point]) expect(rows[index]).toContain(text)
    expect(await page.locator('.load-form').isVisible()).toBe(false)
    expect(await page.locator('.experiments button:visible').count()).toBe(0)
  })

  test('starts with a key, tells what came of each style, and can be looked at by everybody', async () => {
    const page = await open(`${two}&loadSeconds=1`)
    await page.keyboard.press('l')
    await button(page, 'Stop').waitFor()
    await page.getByText('It has ended').waitFor({ timeout: 15_000 })
    const rows = page.getByRole('region', { name: 'What came of each style' }).locator('tbody tr')
    expect(await rows.locator('th').allInnerTexts()).toEqual([' promises', ' effect'])
    const cells = await rows.first().locator('td').allInnerTexts()
    // Half a second of 40 requests in a second; none was refused, failed or left out.
    expect(cells.slice(2, 6)).toEqual(['20', '0', '0', '0'])
    expect(Number(cells[0])).toBeGreaterThan(30)
    await page.locator('.chart canvas').nth(4).waitFor()
    expect(await page.locator('.histogram .bar').count()).toBeGreaterThan(1)
    await page.getByText('As a table: Throughput').click()
    await page.getByRole('region', { name: 'Throughput, as a table' }).locator('tbody tr').first().waitFor()
    await page.getByText('As a table: how long answers took').click()
    await expectAccessible(page)
    await expectToFit(page, 360)
  })

  test('stops with the same key, and its picture with the space bar', async () => {
    const page = await open(`${two}&loadSeconds=30`)
    await page.keyboard.press('l')
    await page.getByText('under load', { exact: false }).and(status(page)).waitFor()
    await page.keyboard.press(' ')
    await page.getByText('the charts are paused').waitFor()
    const shown = page.locator('.load-figures .status .hint')
    const before = await shown.innerText()
    await page.waitForTimeout(600)
    expect(await shown.innerText()).toBe(before)
    await page.keyboard.press(' ')
    await page.waitForFunction(
      (text) => document.querySelector('.load-figures .status .hint')?.textContent !== text,
      before,
    )
    await page.keyboard.press('l')
    await page.getByText('It was stopped').waitFor()
    await button(page, 'Start the load').waitFor()
  })

  test('shows the load that is under way already, and does not start another', async () => {
    const server = inject('server')
    const stop = () => fetch(`${server}/api/load`, { method: 'DELETE' })
    onTestFinished(async () => void (await stop()))
    const order = { scenario: 'combine', parameters: { sku: 'A-42' }, styles: ['generators'], seconds: 30 }
    await fetch(`${server}/api/load`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(order),
    })
    const page = await open(two)
    await page.keyboard.press('l')
    await page.getByText('Another load is under way: this is what it does.').waitFor()
    await page.getByText('generators is under load').waitFor()
    await stop()
    await page.getByText('It was stopped').waitFor()
    expect(await page.getByText('Another load is under way').count()).toBe(0)
  })

  test('tells when it hears nothing of the load, and when the server knows of none any more', async () => {
    const stop = () => fetch(`${inject('server')}/api/load`, { method: 'DELETE' })
    onTestFinished(async () => void (await stop()))
    const page = await open(`${two}&loadSeconds=30`)
    // The stream hears of what befalls it: to break it off, the console would tell.
    await page.evaluate(() => {
      const Real = EventSource
      window.EventSource = class extends Real {
        constructor(url: string | URL) {
          super(url)
          addEventListener('befalls', (event) => {
            const [name, data] = (event as CustomEvent<readonly [string, unknown]>).detail
            this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }))
          })
        }
      }
    })
    const befalls = async (name: string, data?: unknown) =>
      page.evaluate((detail) => dispatchEvent(new CustomEvent('befalls', { detail })), [name, data])
    await page.keyboard.press('l')
    await page.getByText('under load', { exact: false }).and(status(page)).waitFor()
    await befalls('error')
    const lost = page.getByText('The server tells nothing of the load any more.')
    await lost.waitFor()
    await befalls('open')
    await lost.waitFor({ state: 'detached' })
    const begun = { state: 'idle', order: null, elapsedMs: 0, now: null, styles: [], server: null }
    await befalls('load', begun)
    await page.getByText('It has failed').waitFor()
    expect(await page.getByText(/^The load has failed/).count()).toBe(1)
    const rows = page.getByRole('region', { name: 'What came of each style' }).locator('tbody tr')
    expect(await rows.count()).toBe(2)
    await button(page, 'Start the load').waitFor()
  })

  test('is in the address, and what is no number of its range changes nothing', async () => {
    const page = await open('/?tab=load&loadModel=open&loadRate=250&loadSeconds=7&loadDbMs=20')
    const field = (name: string) => page.locator(`input[name=${name}]`)
    // Asked of the page itself: the test is told of a new address a bit later.
    const search = () => page.evaluate(() => location.search)
    expect(await field('loadRate').inputValue()).toBe('250')
    expect(await field('loadDbMs').inputValue()).toBe('20')
    await field('loadSeconds').fill('31')
    expect(await search()).toContain('loadSeconds=7')
    await field('loadSeconds').fill('12')
    await page.getByText('Closed: so many at a time').click()
    await field('loadConnections').fill('77')
    expect(Object.fromEntries(new URLSearchParams(await search()))).toEqual({
      tab: 'load',
      loadRate: '250',
      loadSeconds: '12',
      loadDbMs: '20',
      loadConnections: '77',
    })
  })

  test('leaves the space bar to what takes it itself', async () => {
    const page = await open('/?tab=load')
    for (const control of [
      page.getByRole('checkbox', { name: 'callbacks' }),
      page.getByRole('radio', { name: 'Open' }),
    ]) {
      await control.focus()
      await page.keyboard.press(' ')
      expect(await control.isChecked()).toBe(true)
    }
  })

  test('begins with nothing but what stands in its fields, and ends whatever stands there', async () => {
    const page = await open(`${two}&loadSeconds=30`)
    const seconds = page.locator('input[name=loadSeconds]')
    await seconds.fill('31')
    await page.locator('h1 a').focus()
    await page.keyboard.press('l')
    expect(await page.evaluate(() => document.activeElement?.getAttribute('name'))).toBe('loadSeconds')
    await seconds.fill('30')
    await button(page, 'Start the load').click()
    await button(page, 'Stop').waitFor()
    await seconds.fill('')
    await button(page, 'Stop').click()
    await page.getByText('It was stopped').waitFor()
  })

  test('says of which scenarios there can be one', async () => {
    const page = await open('/?tab=load&scenario=transaction')
    await page.getByText('and cannot be loaded').waitFor()
    expect(await button(page, 'Start the load').isDisabled()).toBe(true)
    await page.keyboard.press('l')
    expect(await page.locator('.load-figures').count()).toBe(0)
  })

  test('makes one of the talks’ measurements, and tells whether it holds', async () => {
    const page = await open('/?tab=load')
    const row = page.locator('#E13')
    await button(page, 'Run E13').click()
    await row.getByText('running').waitFor()
    expect(await button(page, 'Run E4').isDisabled()).toBe(true)
    await row.getByText('✓ held').waitFor()
    await row.locator('td').nth(2).getByText('fast, fast, middling, slow').waitFor()
    expect(await row.locator('.parts li').count()).toBe(4)
  })

  test('makes all of them one after the other, until it is stopped', async () => {
    const page = await open('/?tab=load')
    await page.getByRole('button', { name: /^Run all/ }).click()
    await page.locator('#E1').getByText('requests/s').last().waitFor()
    await page.locator('#E2').getByText('running').waitFor()
    expect(await page.locator('#E3').getByText('waiting').count()).toBe(1)
    await button(page, 'Stop').click()
    await page.getByRole('button', { name: /^Run all/ }).waitFor()
    expect(await page.locator('#E2, #E3').getByText('✓').count()).toBe(0)
  })
})
