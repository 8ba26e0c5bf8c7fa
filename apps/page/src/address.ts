/**
 * The address is the page's only memory: scenario, styles, delays, faults, tab. A copied link shows the same.
 *
 * Each part of the page names its own fields. What a field holds by default stands in no address. What is in the
 * address and no field, or no value that its field takes, is told to the reader and changes nothing.
 */
import { batch, computed, signal } from '@preact/signals'

/** The path: `/`, or `/embed/` and a panel's name. */
export const path = signal('/')
const query = signal(new URLSearchParams())

/** How a field's value is written in the address. */
interface Kind<A> {
  /** `undefined`: it is no such value. */
  readonly read: (text: string) => A | undefined
  readonly write: (value: A) => string
}

export interface Field<A> {
  readonly name: string
  value: A
}

const fields = new Map<string, (text: string) => boolean>()

/** `step`: a change of it is a step that the browser's Back takes back. */
export function field<A>(name: string, kind: Kind<A>, fallback: A, step = false): Field<A> {
  if (fields.has(name)) throw new Error(`there are two fields ${name}`)
  fields.set(name, (text) => kind.read(text) !== undefined)
  const unset = kind.write(fallback)
  const current = computed(() => {
    const texts = query.value.getAll(name)
    return (texts.length > 0 ? kind.read(texts.join(',')) : undefined) ?? fallback
  })
  return {
    name,
    get value() {
      return current.value
    },
    set value(value) {
      const text = kind.write(value)
      const next = new URLSearchParams(query.peek())
      if (text === unset) next.delete(name)
      else next.set(name, text)
      go(next, step)
    },
  }
}

export const oneOf = <const A extends string>(...names: readonly A[]): Kind<A> => ({
  read: (text) => names.find((name) => name === text),
  write: String,
})

/** None twice, in the order in which they are given. An empty list is written as `none`. */
export const someOf = <const A extends string>(...names: readonly A[]): Kind<readonly A[]> => ({
  read: (text) => {
    if (text === 'none') return []
    const known = text.split(',').map((each) => names.find((name) => name === each))
    const values = known.filter((value) => value !== undefined)
    return values.length === known.length ? [...new Set(values)] : undefined
  },
  write: (values) => values.join(',') || 'none',
})

export const integer = (least: number, most: number): Kind<number> => ({
  read: (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN
    return value >= least && value <= most ? value : undefined
  },
  write: String,
})

/** 0 is that it does not happen, and so is a field that is left empty: a form sends it all the same. */
export const integerOrNever = (most: number): Kind<number> => ({
  read: (text) => (text === '' ? 0 : integer(0, most).read(text)),
  write: String,
})

/** What the server takes or refuses: it says what it expects. */
export const text: Kind<string> = { read: (value) => value, write: (value) => value }

export const flag: Kind<boolean> = {
  read: (value) => (value === '1' ? true : value === '0' ? false : undefined),
  write: (value) => (value ? '1' : '0'),
}

/** The query as it would be with these fields: for a link. `null` takes one out. */
export function hrefWith(changes: Readonly<Record<string, string | null>>, at = path.value): string {
  const next = new URLSearchParams(query.value)
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) next.delete(name)
    else next.set(name, value)
  }
  return `${at}${toSearch(next)}`
}

/** What the address says that nobody understands: `name=value` each. */
export const strangers = computed(() =>
  [...new Set(query.value.keys())]
    .filter((name) => !fields.get(name)?.(query.value.getAll(name).join(',')))
    .map((name) => `${name}=${query.value.getAll(name).join(',')}`),
)

/** Shows another address. On the server, and at first in the browser. */
export function show(url: Pick<URL, 'pathname' | 'search'>): void {
  batch(() => {
    path.value = url.pathname
    query.value = new URLSearchParams(url.search)
  })
}

/** In the browser: links within the page, Back and Forward change the address, and no page is loaded. */
export function followAddress(): void {
  addEventListener('popstate', () => show(location))
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey)
      return
    const link = (event.target as Element).closest?.('a')
    if (!link || link.target || link.hasAttribute('download')) return
    const url = new URL(link.href)
    if (url.origin !== location.origin || url.pathname !== path.peek()) return
    // A place on this page: the browser goes there itself.
    if (url.hash && url.search === location.search) return
    event.preventDefault()
    go(url.searchParams, true)
  })
}

function go(next: URLSearchParams, step: boolean) {
  query.value = next
  if (typeof history === 'undefined') return
  const href = `${path.peek()}${toSearch(next)}`
  if (step) history.pushState(null, '', href)
  else history.replaceState(null, '', href)
}

/** Commas stay as they are, because people read addresses. */
function toSearch(params: URLSearchParams): string {
  const search = params.toString().replaceAll('%2C', ',')
  return search === '' ? '' : `?${search}`
}
