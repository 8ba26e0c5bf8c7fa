/** The frame around the panels: what is shown follows from the address alone. */
import { useEffect } from 'preact/hooks'
import { field, hrefWith, oneOf, path, strangers } from './address.ts'
import { Choice } from './choice-bar.tsx'
import { exhibitNames, stepScenario, stepStyles, toggleStyle } from './choice.ts'
import { Help, openHelp } from './help.tsx'
import { type Key, listenForKeys } from './keys.ts'
import { pageData } from './data.ts'
import { panels } from './panels.ts'
import { announce, Announcements } from './announce.tsx'
import { stepTheme, themeField } from './theme.ts'

const tabField = field('tab', oneOf(...panels.map(({ name }) => name)), 'compare', true)

const EMBED = '/embed/'

function currentPanel() {
  const name = path.value.startsWith(EMBED) ? path.value.slice(EMBED.length) : tabField.value
  return path.value === '/' || path.value.startsWith(EMBED)
    ? panels.find((panel) => panel.name === name)
    : undefined
}

/** The address of the whole page that shows this panel. */
const hrefOf = (panel: string) => hrefWith({ tab: panel === 'compare' ? null : panel }, '/')

/** Of the document. */
export const titleOf = () => `${currentPanel()?.title ?? 'Nothing here'} · Overlap`

export function App() {
  const panel = currentPanel()
  if (!panel) return <p>There is nothing here.</p>
  return path.value === '/' ? <Page /> : <Embed />
}

function Page() {
  useKeys()
  const panel = currentPanel()
  if (!panel) return null
  return (
    <>
      <a class="skip" href="#main">
        Skip to the panel
      </a>
      <header class="top">
        <h1>
          <a href="/">Overlap</a>
        </h1>
        <p>One I/O-bound job in five concurrency styles.</p>
        <div class="tools">
          <button type="button" class="scripted-only" onClick={() => void copyLink()}>
            Copy link
          </button>
          <button type="button" class="scripted-only" onClick={stepTheme}>
            Theme: {themeField.value}
          </button>
          <button type="button" class="scripted-only" onClick={openHelp} aria-haspopup="dialog">
            Keys
          </button>
        </div>
      </header>
      <nav class="tabs" aria-label="Panels">
        {panels.map(({ name, title }) => (
          <a key={name} href={hrefOf(name)} aria-current={name === panel.name ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <main id="main" tabIndex={-1}>
        <h2 class="quiet">{panel.title}</h2>
        <p class="about">{panel.about}</p>
        <Strangers />
        {panel.choice && <Choice tab={panel.name} />}
        <panel.View />
      </main>
      <footer>
        <p>Also here:</p>
        <ul>
          {pageData.value.routes.map((route) => (
            <li key={route.path}>
              <a href={route.path}>{route.path}</a> {route.what}
            </li>
          ))}
        </ul>
      </footer>
      <Help keys={allKeys} />
      <Announcements />
    </>
  )
}

/** A panel alone, for a slide. */
function Embed() {
  useKeys()
  const panel = currentPanel()
  if (!panel) return null
  return (
    <>
      <main id="main" class="embed">
        <h1 class="quiet">Overlap</h1>
        <h2 class="quiet">{panel.title}</h2>
        <Strangers />
        <panel.View />
      </main>
      <Help keys={allKeys} />
      <Announcements />
    </>
  )
}

/** What the address says and nobody understands is never ignored in silence. */
function Strangers() {
  if (strangers.value.length === 0) return null
  return (
    <p class="notice" role="status">
      Not understood in the address, and left out: <code>{strangers.value.join(' ')}</code>
    </p>
  )
}

function allKeys(): readonly Key[] {
  const own: Key[] = [
    { key: 'j', what: 'next scenario', press: () => stepScenario(1) },
    { key: 'k', what: 'scenario before', press: () => stepScenario(-1) },
    { key: 'n', what: 'next styles', press: stepStyles },
    ...exhibitNames.map((name, index) => ({
      key: String(index + 1),
      what: `show or hide ${name}`,
      press: () => toggleStyle(name),
    })),
    { key: 't', what: 'theme: as the system, light, dark', press: stepTheme },
    { key: 'y', what: 'copy the link to what is shown', press: () => void copyLink() },
    { key: '?', what: 'this list', press: openHelp },
  ]
  // A panel that stands alone has no others beside it.
  const others = panels.map(({ key, name, title }) => ({
    key,
    what: `panel: ${title}`,
    press: () => (tabField.value = name),
  }))
  if (path.value === '/') own.push(...others)
  return [...own, ...(currentPanel()?.keys?.() ?? [])]
}

/** Once it does, the page says that it is alive: what needs a script is shown, and tests may begin. */
function useKeys() {
  useEffect(() => {
    document.documentElement.classList.add('scripted')
    return listenForKeys(allKeys)
  }, [])
}

async function copyLink(): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.origin + hrefOf(currentPanel()?.name ?? 'compare'))
    announce('The link is copied.')
  } catch {
    announce('The link could not be copied: it is in the address bar.')
  }
}
