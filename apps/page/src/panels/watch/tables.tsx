/** The runs and their calls in numbers: what the picture shows, for who reads it. */
import { Marker } from '../../marker.tsx'
import { type Call, type Lane, lateMsOf, lateMsOfLane, lengthOf, overMs } from './lane.ts'
import { outcomeOf } from './words.ts'

const NOT_KNOWN = 'not known'

/** Of a run with more calls, these many are told. */
const CALLS = 100

const format = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })
const ms = (value: number | null) => (value === null ? '–' : format.format(value))

/** As of the last event, so that they change no more often than something happens. */
const nowOf = (lane: Lane) => lengthOf(lane, 0)

/** What stands for the answer where there is none. */
function missing({ outcome, lost }: Lane): string {
  if (outcome !== null) return 'It had left.'
  return lost ? NOT_KNOWN : '…'
}

interface Props {
  readonly lanes: readonly Lane[]
}

export function Runs({ lanes }: Props) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="The runs">
      <table>
        <caption>The runs</caption>
        <thead>
          <tr>
            <th scope="col">Style</th>
            <th scope="col">Result</th>
            <th scope="col" class="number">
              Work after it, ms
            </th>
            <th scope="col">What its client was told</th>
          </tr>
        </thead>
        <tbody>
          {lanes.map((lane) => (
            <tr key={lane.parentId}>
              <th scope="row">
                <Marker style={lane.style} /> {lane.style}
              </th>
              <td>{outcomeOf(lane)}</td>
              <td class="number">{lane.settledMs === null ? '–' : ms(lateMsOfLane(lane, nowOf(lane)))}</td>
              <td class="answer">{lane.answer ?? missing(lane)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

export function Calls({ lanes }: Props) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="The calls">
      <table class="calls">
        <caption>The calls, in ms since their run began</caption>
        <thead>
          <tr>
            <th scope="col">Style</th>
            <th scope="col">Call</th>
            {['Started', 'Waited until', 'Answer begins', 'Ended'].map((head) => (
              <th key={head} scope="col" class="number">
                {head}
              </th>
            ))}
            <th scope="col">How</th>
            {['Stopped', 'After the result'].map((head) => (
              <th key={head} scope="col" class="number">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        {lanes.map((lane) => (
          <tbody key={lane.parentId}>
            {lane.calls.slice(0, CALLS).map((call, id) => (
              <CallRow key={id} lane={lane} call={call} />
            ))}
            {lane.calls.length > CALLS && (
              <tr>
                <th scope="row">{lane.style}</th>
                <td colSpan={8}>and {lane.calls.length - CALLS} more</td>
              </tr>
            )}
          </tbody>
        ))}
      </table>
    </div>
  )
}

function CallRow({ lane, call }: { readonly lane: Lane; readonly call: Call }) {
  const { name, startedMs, sentMs, answeringMs, endedMs, outcome, stoppedMs } = call
  const late = lateMsOf(call, lane.settledMs, nowOf(lane))
  const goesOn = lane.settledMs !== null && overMs(call) === null
  return (
    <tr class={late > 0 && outcome !== 'cancelled' ? 'is-late' : undefined}>
      <th scope="row">{lane.style}</th>
      <td>
        <code>{name}</code>
      </td>
      {[startedMs, sentMs, answeringMs, endedMs].map((value, index) => (
        <td key={index} class="number">
          {ms(value)}
        </td>
      ))}
      <td>{outcome ?? (lane.lost ? NOT_KNOWN : 'is running')}</td>
      <td class="number">{ms(stoppedMs)}</td>
      <td class="number">{goesOn ? (lane.lost ? NOT_KNOWN : 'goes on') : late === 0 ? '–' : ms(late)}</td>
    </tr>
  )
}
