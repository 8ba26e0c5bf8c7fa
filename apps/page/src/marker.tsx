import type { ExhibitName } from './choice.ts'

/** Told apart by form as well as by colour. */
const shapes: Readonly<Record<ExhibitName, string>> = {
  callbacks: 'M6 1 11 11H1Z',
  promises: 'M1 1H11V11H1Z',
  generators: 'M6 0 12 6 6 12 0 6Z',
  observables: 'M6 .5a5.5 5.5 0 1 0 .01 0Z',
  effect: 'M4 0H8V4H12V8H8V12H4V8H0V4H4Z',
  naive: 'M1.5 0 6 4.5 10.5 0 12 1.5 7.5 6 12 10.5 10.5 12 6 7.5 1.5 12 0 10.5 4.5 6 0 1.5Z',
}

/** A style's sign. Its name stands beside it, so it says nothing to a screen reader. */
export function Marker({ style }: { readonly style: ExhibitName }) {
  return (
    <svg class={`marker ${style}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      <path d={shapes[style]} />
    </svg>
  )
}
