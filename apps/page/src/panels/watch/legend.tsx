/** What the bars mean: those that there are. */
import { type Lane, placeOf } from './lane.ts'

const kinds = [
  ['wait', undefined, 'waits for a connection or a thread'],
  ['query', undefined, 'query'],
  ['request', 'url(#watch-request)', 'request'],
  ['answer', undefined, 'its answer comes'],
  ['thread', 'url(#watch-thread)', 'worker thread'],
  ['socket', undefined, 'socket'],
  ['late', 'url(#watch-late)', 'after the result'],
] as const

export function Legend({ lanes }: { readonly lanes: readonly Lane[] }) {
  const places = new Set(lanes.flatMap(({ calls }) => calls.map(placeOf)))
  const isThere = (kind: (typeof kinds)[number][0]) =>
    kind === 'wait' || kind === 'late' || places.has(kind === 'answer' ? 'request' : kind)
  return (
    <ul class="legend" aria-label="Legend">
      {kinds
        .filter(([kind]) => isThere(kind))
        .map(([kind, fill, means]) => (
          <li key={kind}>
            <svg width="28" height="14" aria-hidden="true">
              <rect class={`span ${kind}`} fill={fill} x="1" y="1" width="26" height="12" />
            </svg>
            {means}
          </li>
        ))}
    </ul>
  )
}
