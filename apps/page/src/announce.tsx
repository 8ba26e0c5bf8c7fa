/** What has just happened, said once: to see for a moment, and for screen readers. */
import { signal } from '@preact/signals'

const message = signal('')
let timer: ReturnType<typeof setTimeout> | undefined

export function announce(text: string): void {
  clearTimeout(timer)
  message.value = text
  timer = setTimeout(() => (message.value = ''), 4000)
}

export function Announcements() {
  return (
    <p class="announcements" role="status" aria-live="polite">
      {message.value}
    </p>
  )
}
