/**
 * A real browser for the tests of the page. Whatever a page does that it must not is a failure of its test: an error in
 * the console, something that the content security policy stops, a request to another host.
 */
import axe, { type RunOptions } from 'axe-core'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
  chromium,
} from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest'

interface Opened {
  readonly page: Page
  /** What it must not have done so far. */
  readonly wrongs: string[]
}

/**
 * Opens pages for the tests of a file, and closes them. To be called once, outside of any test.
 *
 * `serverOf`: of a server of its own, for tests that change something on it. By default, they share one.
 */
export function useBrowser(serverOf: () => string = () => inject('server')) {
  let browser: Browser
  // By its options: one costs more than the pages of a test. The page keeps nothing in it.
  const contexts = new Map<string, Promise<BrowserContext>>()
  const contextFor = (options: BrowserContextOptions) => {
    const key = JSON.stringify(options)
    const context =
      contexts.get(key) ??
      browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-US', ...options })
    contexts.set(key, context)
    return context
  }
  const opened: Opened[] = []
  beforeAll(async () => {
    browser = await chromium.connect(inject('browser'))
  })
  afterAll(() => browser.close())
  afterEach(async () => {
    const wrongs = opened.flatMap((one) => one.wrongs)
    await Promise.all(opened.splice(0).map(({ page }) => page.close()))
    expect(wrongs).toEqual([])
  })

  /** `path`: with its query. */
  return async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const server = serverOf()
    const context = await contextFor(options)
    const page = await context.newPage()
    const wrongs: string[] = []
    opened.push({ page, wrongs })
    page.on('console', (message) => {
      // That a run has failed is no fault of the page, but Chromium tells of each.
      if (message.location().url.startsWith(`${server}/api/run/`)) return
      if (message.type() === 'error' || message.type() === 'warning') wrongs.push(message.text())
    })
    page.on('pageerror', (error) => wrongs.push(String(error)))
    page.on('request', (request) => {
      const isTests = request.isNavigationRequest() && request.frame() === page.mainFrame()
      if (!isTests && !request.url().startsWith(server)) wrongs.push(`asked ${request.url()}`)
    })
    await page.goto(server + path)
    // From then on it listens to keys.
    const isPage = path.startsWith('/?') || path === '/' || path.startsWith('/embed/')
    if (isPage && options.javaScriptEnabled !== false) await page.locator(':root.scripted').waitFor()
    return page
  }
}

/** In the dark, only the rules that are about colours could find something else than in the light. */
const themes: readonly (readonly [theme: 'light' | 'dark', rules: RunOptions])[] = [
  // Of 2.2 AA alone, axe leaves it out unless it is asked for.
  ['light', { rules: { 'target-size': { enabled: true } } }],
  ['dark', { runOnly: ['color-contrast', 'link-in-text-block'] }],
]

/** What the accessibility rules of WCAG 2.2 AA and axe's best practices find: nothing. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source)
  const found: unknown[] = []
  for (const [theme, rules] of themes) {
    await page.emulateMedia({ colorScheme: theme })
    const violations = await page.evaluate(findViolations, rules)
    found.push(...violations.map((violation) => ({ theme, ...violation })))
  }
  expect(found).toEqual([])
}

/** In the page. Only what is wrong leaves it: to tell all that is right took longer than to find it. */
async function findViolations(rules: RunOptions): Promise<object[]> {
  const injected = (window as typeof window & { readonly axe: Pick<typeof axe, 'run'> }).axe
  const { violations } = await injected.run({ ...rules, resultTypes: ['violations'] })
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => ({ id, help, html, failureSummary })),
  )
}

/** In a window of this many pixels, no panel is wider than it. */
export async function expectToFit(page: Page, ...widths: readonly number[]): Promise<void> {
  const tooWide: number[] = []
  for (const width of widths) {
    await page.setViewportSize({ width, height: 800 })
    // Charts follow in the next frame.
    const fits = () => document.documentElement.scrollWidth <= document.documentElement.clientWidth
    await page.waitForFunction(fits, undefined, { timeout: 5000 }).catch(() => tooWide.push(width))
  }
  expect(tooWide).toEqual([])
}
