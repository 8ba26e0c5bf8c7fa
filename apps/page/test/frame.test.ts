/** What is around the panels, and holds for each of them. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { panels } from './panel-names.ts'
import { expectAccessible, expectToFit, useBrowser } from './browser.ts'

const open = useBrowser()
const pathOf = (panel: string) => (panel === 'compare' ? '/' : `/?tab=${panel}`)

describe.for(panels)('%s', (panel) => {
  test('is what the server has rendered, once the script has taken over', async () => {
    const html = async (javaScriptEnabled: boolean) => {
      const page = await open(pathOf(panel), { javaScriptEnabled })
      // How many runs there are changes: other tests have theirs.
      return (await page.locator('main').innerHTML()).replaceAll(/(?<=<td class="number">)\d+/g, 'n')
    }
    expect(await html(true)).toBe(await html(false))
  })

  test('fits any window, has no key twice, and lists all of them', async () => {
    const page = await open(pathOf(panel))
    await expectToFit(page, 360, 1440)
    await page.keyboard.press('?')
    const keys = await page.locator('dialog kbd').allInnerTexts()
    expect(keys.length).toBeGreaterThan(10)
    expect(new Set(keys).size).toBe(keys.length)
    await page.keyboard.press('Escape')
    expect(await page.locator('dialog').isVisible()).toBe(false)
  })
})

test('every panel has a tab, and is reached by the keyboard alone', async () => {
  const page = await open('/')
  expect(await page.locator('.tabs a').count()).toBe(panels.length)
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the panel')
  await page.keyboard.press('Enter')
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')
  const last = panels.at(-1) ?? ''
  await page.locator(`.tabs a[href*="${last}"], .tabs a`).last().focus()
  await page.keyboard.press('Enter')
  await page.locator(`.tabs a[aria-current]`).waitFor()
  expect(new URL(page.url()).searchParams.get('tab') ?? 'compare').toBe(last)
})

test('keys do nothing while one types, with a modifier, and when they are off', async () => {
  const page = await open('/')
  const scenario = () => page.locator('#scenario').inputValue()
  await page.locator('#scenario').focus()
  await page.keyboard.press('k')
  await page.locator('h1 a').focus()
  await page.keyboard.press('Control+j')
  expect(new URL(page.url()).search).not.toContain('sequence')
  const off = await open('/?keys=0')
  await off.keyboard.press('j')
  expect(await off.locator('#scenario').inputValue()).toBe('combine')
  await page.keyboard.press('j')
  expect(await scenario()).not.toBe('combine')
})

test('the theme is the system’s, until the address says another', async () => {
  const paper = async (path: string, colorScheme: 'light' | 'dark') => {
    const page = await open(path, { colorScheme })
    return page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  }
  const light = await paper('/', 'light')
  const dark = await paper('/', 'dark')
  expect(light).not.toBe(dark)
  expect(await paper('/?theme=light', 'dark')).toBe(light)
  expect(await paper('/?theme=dark', 'light')).toBe(dark)
})

test('the tab that is shown is told apart in forced colours', async () => {
  const page = await open('/')
  const lines = async () => {
    const borders = await page
      .locator('.tabs a')
      .evaluateAll((tabs) => tabs.map((tab) => getComputedStyle(tab).borderBottomColor))
    return borders.map((border) => border === borders[0])
  }
  await page.emulateMedia({ forcedColors: 'active' })
  expect(await lines()).toEqual([true, false, false, false, false])
})

test('where one can write or choose is marked off by an edge that can be seen', async () => {
  for (const theme of ['light', 'dark']) {
    const page = await open(`/?tab=watch&theme=${theme}`)
    const contrasts = await page
      .locator('main :is(select, input:not([type=checkbox], [type=hidden]))')
      .evaluateAll((all) => {
        // Source: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
        const luminance = (colour: string) => {
          const parts = (colour.match(/[\d.]+/g) ?? []).slice(0, 3).map((part) => Number(part) / 255)
          const [red = 0, green = 0, blue = 0] = parts.map((part) =>
            part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
          )
          return 0.2126 * red + 0.7152 * green + 0.0722 * blue
        }
        const around = luminance(getComputedStyle(document.body).backgroundColor)
        return all.map((one) => {
          const edge = luminance(getComputedStyle(one).borderTopColor)
          return (Math.max(edge, around) + 0.05) / (Math.min(edge, around) + 0.05)
        })
      })
    expect(contrasts.length).toBeGreaterThan(4)
    expect(Math.min(...contrasts)).toBeGreaterThan(3)
  }
})

test('what is printed is dark on white', async () => {
  const page = await open('/?theme=dark', { colorScheme: 'dark' })
  const ink = () => page.evaluate(() => getComputedStyle(document.body).color)
  expect(await ink()).toBe('rgb(230, 232, 234)')
  await page.emulateMedia({ media: 'print' })
  expect(await ink()).toBe('rgb(27, 31, 35)')
})

test('what has happened is told in few lines, in a narrow window too', async () => {
  const page = await open('/', { viewport: { width: 360, height: 800 } })
  await page.keyboard.press('y')
  const message = page.getByText('The link could not be copied: it is in the address bar.')
  expect((await message.boundingBox())?.height).toBeLessThan(80)
  await expectToFit(page, 360)
})

test('a copied link shows the same', async () => {
  const page = await open('/?styles=callbacks,generators', {
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  await page.keyboard.press('j')
  await page.keyboard.press('y')
  await page.getByText('The link is copied.').waitFor()
  const link = await page.evaluate(() => navigator.clipboard.readText())
  const { pathname, search } = new URL(link)
  const copy = await open(pathname + search)
  expect(await copy.locator('main').innerText()).toBe(await page.locator('main').innerText())
  expect(await copy.locator('.path').allInnerTexts()).toHaveLength(2)
})

test('Back takes a step back', async () => {
  const page = await open('/')
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.goBack()
  expect(await page.locator('#scenario').inputValue()).toBe('timeout')
  await page.goForward()
  expect(await page.locator('#scenario').inputValue()).toBe('retry')
})

test('the title is that of the panel that is shown', async () => {
  const page = await open('/?tab=load')
  expect(await page.title()).toBe('Load · Overlap')
  await page.keyboard.press('W')
  expect(await page.title()).toBe('Watch · Overlap')
  await page.goBack()
  await page.waitForFunction(() => document.title === 'Load · Overlap', undefined, { timeout: 5000 })
})

test('a panel alone tells what is not understood, has its own keys, and leads to the whole page', async () => {
  const page = await open('/embed/swap?try=effect&slow=maybe', {
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  expect(await page.locator('.notice').innerText()).toContain('slow=maybe')
  await page.keyboard.press('?')
  const keys = await page.locator('dialog kbd').allInnerTexts()
  expect(keys).toContain('r')
  expect(keys).not.toContain('W')
  await page.keyboard.press('Escape')
  await page.keyboard.press('W')
  expect(new URL(page.url()).searchParams.has('tab')).toBe(false)
  await page.keyboard.press('y')
  await page.getByText('The link is copied.').waitFor()
  const { pathname, search } = new URL(await page.evaluate(() => navigator.clipboard.readText()))
  expect(pathname).toBe('/')
  expect(new URLSearchParams(search).get('tab')).toBe('swap')
  await expectAccessible(page)
})

test('a panel may be framed by slides on this machine', async () => {
  const src = `${inject('server')}/embed/compare?styles=effect`
  const slides = http.createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end(`<iframe src="${src}"></iframe>`)
  })
  await once(slides.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void slides.close())
  const page = await open('/livez')
  const { port } = slides.address() as AddressInfo
  await page.goto(`http://localhost:${port}/slides`)
  await page.frameLocator('iframe').locator('.file.effect').waitFor({ timeout: 5000 })
})
