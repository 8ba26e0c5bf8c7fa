import { accessSync, constants, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
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
 * The Chromium of the package `@sparticuz/chromium`, which npm has installed, or `CHROMIUM`, or where that one does not run the
 * Chromium or Chrome of the machine. The package's has no window to draw, which saves nearly half of its work.
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
  // Chromium's sandbox is not for root, who runs tests in containers.
  const run = (executablePath: string) => how({ executablePath, args: ['--no-sandbox', ...quiet] })
  const chosen = process.env['CHROMIUM']
  try {
    return await run(chosen ?? (await unpack()))
  } catch (error) {
    const installed = chosen === undefined ? usual.find(isExecutable) : undefined
    if (installed !== undefined) return run(installed)
    throw new Error('The page is tested in a browser: install Chromium or Chrome, or set CHROMIUM to it.', {
      cause: error,
    })
  }
}

/**
 * The package unpacks itself into the directory for temporary files, and takes what lies there for its own, whoever has put it there.
 * So it is given one beside itself, which goes with it when another version is installed.
 */
async function unpack(): Promise<string> {
  const home = path.join(createRequire(import.meta.url).resolve('@sparticuz/chromium'), '../../unpacked')
  const executable = path.join(home, 'chromium')
  if (existsSync(executable)) return executable
  const fresh = mkdtempSync(`${home}-`)
  const usualDirectory = process.env['TMPDIR']
  try {
    process.env['TMPDIR'] = fresh
    await packaged.executablePath()
    // At once, so that nobody takes half of it for the whole.
    if (!existsSync(home)) renameSync(fresh, home)
  } finally {
    if (usualDirectory === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = usualDirectory
    rmSync(fresh, { recursive: true, force: true })
  }
  return executable
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
