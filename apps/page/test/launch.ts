import { accessSync, constants } from 'node:fs'
import packaged from '@sparticuz/chromium'
import { type Browser, type BrowserServer, chromium } from 'playwright-core'

const usual = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

/** Nothing that asks the network for anything by itself. */
const quiet = [
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * The Chromium or Chrome of the machine, or `CHROMIUM`, or else the one in the package `@sparticuz/chromium`: what
 * npm installs is enough.
 */
export async function launch(): Promise<Browser> {
  return start((options) => chromium.launch(options))
}

/** The same for many who connect to it. */
export async function launchShared(): Promise<BrowserServer> {
  return start((options) => chromium.launchServer({ ...options, host: '127.0.0.1' }))
}

async function start<A>(
  how: (options: { readonly executablePath: string; readonly args: string[] }) => Promise<A>,
): Promise<A> {
  const installed = process.env['CHROMIUM'] ?? usual.find(isExecutable)
  try {
    return await how({
      executablePath: installed ?? (await packaged.executablePath()),
      // Chromium's sandbox is not for root, who runs tests in containers.
      args: ['--no-sandbox', ...quiet],
    })
  } catch (error) {
    throw new Error('The page is tested in a browser: install Chromium or Chrome, or set CHROMIUM to it.', {
      cause: error,
    })
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
