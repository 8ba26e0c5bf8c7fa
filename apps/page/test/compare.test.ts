import { scenarios, styleNames } from '@overlap/workload'
import { describe, expect, test } from 'vitest'
import { expectAccessible, expectToFit, useBrowser } from './browser.ts'

const open = useBrowser()

describe('compare', () => {
  test('asks again for code that could not be loaded', async () => {
    const page = await open('/')
    // Without the failed request, which the console would tell.
    await page.evaluate(() => {
      const real = window.fetch
      window.fetch = async () => Promise.reject(new TypeError('Failed to fetch'))
      console.warn = () => (window.fetch = real)
    })
    await page.keyboard.press('j')
    await page.getByText('The code of timeout could not be loaded').waitFor()
    await page.locator('.file.effect', { hasText: 'timeout.ts' }).waitFor({ timeout: 10_000 })
  })

  test('keeps the clauses of one column apart from the numbers of the next', async () => {
    const page = await open('/?scenario=regulate&show=clauses')
    expect(await page.locator('.subject').innerText()).not.toContain('`')
    const between = await page.locator('.clauses li').evaluateAll((all) => {
      const boxes = all.map((one) => one.getBoundingClientRect())
      const first = boxes[0]?.left ?? NaN
      const second = boxes.filter(({ left }) => left > first + 100).map(({ left }) => left)
      return Math.min(...second) - (boxes[0]?.right ?? NaN)
    })
    // Room for two digits, a dot, and what is between two columns.
    expect(between).toBeGreaterThan(40)
  })

  test('shows the files of two styles side by side, and their common first sentence', async () => {
    const page = await open('/')
    const titles = await page.locator('.file h4').allInnerTexts()
    expect(titles.map((title) => title.trim())).toEqual(['promises 9 lines', 'effect 9 lines'])
    expect(await page.locator('.subject h3').innerText()).toBe(
      "Reads a product's stock and reservation at the same time, and joins them.",
    )
    expect(await page.locator('.file .program').first().innerText()).toContain('await Promise.all([')
  })

  test('begins the same idea at the same height in all files', async () => {
    const page = await open('/?styles=callbacks,promises,generators,observables,effect&scenario=retry')
    for (const part of ['docstring', 'program']) {
      const tops = await page
        .locator(`.file .${part}`)
        .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top))
      expect(new Set(tops).size).toBe(1)
      expect(tops).toHaveLength(5)
    }
  })

  test('steps through all scenarios with one key, and shows each in the address', async () => {
    const page = await open('/')
    const seen = new Set<string>()
    for (let n = 0; n < scenarios.length; n++) {
      await page.keyboard.press('j')
      const name = await page.locator('.subject p code').first().innerText()
      await page.locator(`.file .path >> text=/${name}.ts`).first().waitFor()
      seen.add(name)
    }
    expect([...seen].toSorted()).toEqual(scenarios.map(({ name }) => name).toSorted())
    await page.keyboard.press('j')
    expect(new URL(page.url()).searchParams.get('scenario')).toBe('timeout')
    await page.goBack()
    expect(await page.locator('#scenario').inputValue()).toBe('combine')
  })

  test('turns styles on and off with a key each, the last one never', async () => {
    const page = await open('/?styles=promises')
    const shown = async () =>
      await page.locator('.file').evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')))
    await page.keyboard.press('2')
    expect(await shown()).toEqual(['promises'])
    for (const key of '1345') await page.keyboard.press(key)
    expect(await shown()).toEqual([...styleNames])
    await page.keyboard.press('2')
    expect(await shown()).not.toContain('promises')
  })

  test('steps the styles with one key', async () => {
    const page = await open('/?styles=callbacks,promises')
    await page.keyboard.press('n')
    await page.locator('.file.generators').waitFor()
    expect(new URL(page.url()).searchParams.get('styles')).toBe('promises,generators')
  })

  test('shows the clauses, and the lift and the adapter', async () => {
    const page = await open('/?styles=generators')
    await page.keyboard.press('a')
    await page.getByText('fails with the very first error').waitFor()
    await page.keyboard.press('f')
    await page.getByText('packages/generators/src/adapter.ts').waitFor()
    await page.getByText('packages/generators/src/backend.ts').waitFor()
    expect(new URL(page.url()).searchParams.get('show')).toBe('clauses,frames')
  })

  test('can be read without JavaScript, and chosen from with a form and links', async () => {
    const page = await open('/', { javaScriptEnabled: false })
    expect(await page.locator('.file.promises .program').innerText()).toContain('Promise.all')
    await page.locator('#scenario').selectOption('retry')
    await page.getByRole('checkbox', { name: 'generators' }).check()
    await page.getByRole('button', { name: 'Show' }).click()
    expect(await page.locator('.file.generators .path').innerText()).toContain(
      'packages/generators/src/retry.ts',
    )
    await page.getByRole('link', { name: 'the lift and the adapter' }).click()
    await page.getByText('packages/generators/src/adapter.ts').waitFor()
  })

  test('tells what it does not understand in the address', async () => {
    const page = await open('/?scenario=combined&colour=red&styles=effect')
    expect(await page.locator('.notice').innerText()).toContain('scenario=combined colour=red')
    expect(await page.locator('.subject code').innerText()).toBe('combine')
  })

  test('has nothing that stands in the way of anybody, light or dark', async () => {
    const page = await open('/?styles=promises,effect&show=clauses,frames')
    await page.getByText('packages/effect/src/adapter.ts').waitFor()
    await expectAccessible(page)
  })

  test('fits any window', async () => {
    const page = await open('/?styles=callbacks,promises,generators,observables,effect&show=clauses,frames')
    await expectToFit(page, 360, 390, 768, 1440, 2560)
  })

  test('stands alone in a frame', async () => {
    const page = await open('/embed/compare?scenario=race&styles=effect')
    expect(await page.locator('.file .path').innerText()).toContain('packages/effect/src/race.ts')
    expect(await page.locator('nav').count()).toBe(0)
  })
})
