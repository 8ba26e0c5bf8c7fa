import { field, oneOf } from './address.ts'

const themes = ['auto', 'light', 'dark'] as const

export const themeField = field('theme', oneOf(...themes), 'auto')

/** In the browser: once for each change. */
export function applyTheme(): void {
  document.documentElement.dataset['theme'] = themeField.value
}

export function stepTheme(): void {
  themeField.value = themes[(themes.indexOf(themeField.value) + 1) % themes.length] ?? 'auto'
}
