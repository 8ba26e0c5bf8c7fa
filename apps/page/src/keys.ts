/**
 * Keys that do something, each a single character. They are off while somebody types, and can be turned off for good,
 * because who speaks to a computer presses them by accident.
 *
 * Source: https://www.w3.org/TR/WCAG22/#character-key-shortcuts
 */
import { flag, field } from './address.ts'

export interface Key {
  /** As `KeyboardEvent.key` names it. */
  readonly key: string
  /** What it does, for the list. */
  readonly what: string
  readonly press: () => void
}

export const keysField = field('keys', flag, true)

/** Turns keys on, until the function that it hands back is called. */
export function listenForKeys(keys: () => readonly Key[]): () => void {
  function press(event: KeyboardEvent) {
    if (!keysField.value || event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return
    if (isTyping(event.target)) return
    if (event.key === ' ' && takesSpace(event.target)) return
    const key = keys().find((one) => one.key === event.key)
    if (!key) return
    event.preventDefault()
    key.press()
  }
  addEventListener('keydown', press)
  return () => removeEventListener('keydown', press)
}

/** It presses, ticks or opens with the space bar. */
const takesSpace = (target: EventTarget | null) =>
  target instanceof Element && target.matches('button, input, summary')

function isTyping(target: EventTarget | null): boolean {
  if (document.querySelector('dialog[open]')) return true
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true
  return target instanceof HTMLInputElement && target.type !== 'checkbox' && target.type !== 'radio'
}
