/**
 * The calls of each style as bars on one time axis. What went on after the result is hatched.
 *
 * It is a picture for who sees it: the tables below say the same, and the numbers beside it set the same delays. So the
 * ends of the bars can be dragged, but have no place in the order of the Tab key.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import { Marker } from '../../marker.tsx'
import { dbMsField, httpMsField } from '../../parameters.ts'
import { type Axis, axisTo, roundDelay } from './axis.ts'
import {
  type Call,
  type Lane,
  type Place,
  delayOf,
  isAbandoned,
  isOver,
  lengthOf,
  overMs,
  placeOf,
  spansOf,
} from './lane.ts'
import { clock, lanes, run } from './run.ts'
import { describe, inMs, lateWords, outcomeOf, phaseWords } from './words.ts'

/** All in pixels. */
const NARROW = 640
const LABELS = 172
const RIGHT = 12
const TOP = 26
const HEAD = 42
const BAR = 26
const GAP = 18
const CHARACTER = 7
const GRIP = 20

/** Of a run with more calls, the first ones are shown. */
const CALLS = 24

const delayFields = { dbMs: dbMsField, httpMs: httpMsField }

interface Frame {
  readonly width: number
  readonly narrow: boolean
  readonly left: number
  /** Of a call. */
  readonly row: number
  readonly axis: Axis
  readonly x: (ms: number) => number
  /** By the browser's clock. */
  readonly now: number
}

/** An end of a bar that is being dragged. */
interface Drag {
  readonly call: Call
  readonly delayMs: number
}

export function Waterfall() {
  const ref = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(960)
  const [drag, setDrag] = useState<Drag>()
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 960))
    if (ref.current) observer.observe(ref.current)
    return () => observer.disconnect()
  }, [])

  const all = lanes.value
  const now = clock.value
  const frame = frameOf(all, width, now)
  let y = TOP
  const tops = all.map((lane) => {
    const top = y
    y += heightOf(lane, frame) + GAP
    return top
  })
  const height = y
  return (
    <div ref={ref} class="waterfall">
      <svg
        viewBox={`0 0 ${width} ${height}`}
        width={width}
        height={height}
        role="img"
        aria-label={all.map((lane) => describe(lane, now)).join('. ')}
      >
        <Patterns />
        <Grid frame={frame} height={height} />
        {all.map((lane, index) => (
          <LaneGroup
            key={lane.parentId}
            lane={lane}
            top={tops[index] ?? 0}
            frame={frame}
            drag={drag}
            onDrag={setDrag}
          />
        ))}
      </svg>
    </div>
  )
}

function frameOf(all: readonly Lane[], width: number, now: number): Frame {
  const narrow = width < NARROW
  const left = narrow ? 0 : LABELS
  const longest = Math.max(...all.map((lane) => lengthOf(lane, now)))
  const running = all.some((lane) => !isOver(lane))
  // While it runs, at least as long as it is meant to take, so that the bars grow and the axis stays.
  const meant = running ? Math.max(dbMsField.value, httpMsField.value) : 0
  const axis = axisTo(Math.max(longest, meant), narrow ? 4 : 10)
  const scale = (width - left - RIGHT) / axis.endMs
  return { width, narrow, left, row: narrow ? 46 : 34, axis, x: (ms) => left + ms * scale, now }
}

function heightOf({ calls }: Lane, { narrow, row }: Frame): number {
  const rows = Math.min(calls.length, CALLS) + (calls.length > CALLS ? 1 : 0)
  return HEAD + (narrow ? 20 : 0) + rows * row
}

/** What the bars are filled with: told apart without colour. */
function Patterns() {
  return (
    <defs>
      <pattern id="watch-request" width="6" height="6" patternUnits="userSpaceOnUse">
        <rect class="request-ground" width="6" height="6" />
        <path class="request-line" d="M0 3H6" />
      </pattern>
      <pattern id="watch-thread" width="6" height="6" patternUnits="userSpaceOnUse">
        <rect class="thread-ground" width="6" height="6" />
        <circle class="thread-dot" cx="3" cy="3" r="1.2" />
      </pattern>
      <pattern
        id="watch-late"
        width="8"
        height="8"
        patternUnits="userSpaceOnUse"
        patternTransform="rotate(45)"
      >
        <rect class="late-ground" width="8" height="8" />
        <path class="late-line" d="M2 0V8" />
      </pattern>
    </defs>
  )
}

function Grid({
  frame: { axis, x, left, width },
  height,
}: {
  readonly frame: Frame
  readonly height: number
}) {
  return (
    <g>
      {axis.ticks.map((ms) => (
        <g key={ms}>
          <path class="tick" d={`M${x(ms)} ${TOP - 6}V${height - GAP / 2}`} />
          <text
            class="tick-label"
            x={Math.max(x(ms), left)}
            y={TOP - 12}
            text-anchor={ms === 0 ? 'start' : x(ms) > width - 40 ? 'end' : 'middle'}
          >
            {inMs(ms)}
          </text>
        </g>
      ))}
    </g>
  )
}

interface LaneGroupProps {
  readonly lane: Lane
  readonly top: number
  readonly frame: Frame
  readonly drag: Drag | undefined
  readonly onDrag: (drag: Drag | undefined) => void
}

const marks = { succeeded: '✓', failed: '✕', cancelled: '⌀' } as const

function LaneGroup({ lane, top, frame, drag, onDrag }: LaneGroupProps) {
  const { narrow, x, row } = frame
  const { style, settledMs, outcome, calls } = lane
  const first = top + HEAD + (narrow ? 20 : 0)
  const late = lateWords(lane, frame.now, narrow)
  const lateClass = isAbandoned(lane) ? 'late' : 'quiet'
  const title = `${style} `
  const decided = settledMs !== null && outcome !== null && calls.length > 0 && (
    <g class={`decided ${outcome}`}>
      <path d={`M${x(settledMs)} ${first - 4}V${top + heightOf(lane, frame)}`} />
      <text x={x(settledMs)} y={first - 6} text-anchor="middle">
        {marks[outcome]}
      </text>
    </g>
  )
  return (
    <g>
      <g transform={`translate(1 ${top + 5})`}>
        <Marker style={style} />
      </g>
      <text class="head" x="20" y={top + 16}>
        <tspan class="style">{title}</tspan>
        <tspan>{outcomeOf(lane)}</tspan>
        {!narrow && late && <tspan class={lateClass}> · {late}</tspan>}
      </text>
      {narrow && late && (
        <text class={`head ${lateClass}`} x="20" y={top + 36}>
          {late}
        </text>
      )}
      {/* Below the names of the calls where these stand between the bars. */}
      {narrow && decided}
      {calls.slice(0, CALLS).map((call, id) => (
        <Row
          key={id}
          lane={lane}
          call={call}
          y={first + id * row}
          frame={frame}
          drag={drag}
          onDrag={onDrag}
        />
      ))}
      {calls.length > CALLS && (
        <text class="call" x="20" y={first + CALLS * row + 16}>
          and {calls.length - CALLS} more, which the table tells
        </text>
      )}
      {!narrow && decided}
    </g>
  )
}

interface RowProps extends Omit<LaneGroupProps, 'top'> {
  readonly call: Call
  readonly y: number
}

function Row({ lane, call, y, frame, drag, onDrag }: RowProps) {
  const { narrow, x } = frame
  const place = placeOf(call)
  const words = phaseWords(place)
  const top = narrow ? y + 16 : y
  const now = lengthOf(lane, frame.now)
  const ends = overMs(call) ?? now
  const delay = delayOf(call)
  return (
    <g>
      <text class="call" x={narrow ? 0 : 20} y={narrow ? y + 11 : y + 18}>
        {call.name}
      </text>
      {spansOf(call, lane.settledMs, now).map(({ phase, fromMs, toMs, late }) => {
        const wide = Math.max(x(toMs) - x(fromMs), 1)
        const label = late ? 'after the result' : words[phase]
        return (
          <g key={`${phase} ${late}`}>
            <rect
              class={`span ${late ? 'late' : phase === 'work' ? place : phase}`}
              fill={fillOf(phase === 'work' ? place : phase, late)}
              x={x(fromMs)}
              y={top}
              width={wide}
              height={BAR}
            />
            {wide > label.length * CHARACTER + 10 && (
              <text class="span-label" x={x(fromMs) + 6} y={top + 18}>
                {label}
              </text>
            )}
          </g>
        )
      })}
      {call.outcome !== null && call.outcome !== 'succeeded' && (
        <text class={`mark ${call.outcome}`} x={Math.min(x(ends) + 12, frame.width - 8)} y={top + 16}>
          {marks[call.outcome]}
        </text>
      )}
      {delay && call.sentMs !== null && (
        <Grip
          x={x(ends)}
          y={top}
          toDelay={(pixels) => roundDelay((pixels - x(0)) / (x(1) - x(0)) - (call.sentMs ?? 0))}
          onMove={(delayMs) => onDrag({ call, delayMs })}
          onDrop={(delayMs) => {
            onDrag(undefined)
            delayFields[delay].value = delayMs
            run()
          }}
          onLose={() => onDrag(undefined)}
        />
      )}
      {drag?.call === call && (
        <g class="dragged">
          <path
            d={`M${x(call.sentMs ?? 0)} ${top + BAR + 2}H${x((call.sentMs ?? 0) + drag.delayMs)}V${top - 4}`}
          />
          <text x={Math.min(x((call.sentMs ?? 0) + drag.delayMs) + 4, frame.width - 150)} y={top - 6}>
            {place} takes {inMs(drag.delayMs)}
          </text>
        </g>
      )}
    </g>
  )
}

/** What has no pattern gets its colour from the style sheet. */
function fillOf(kind: Place | 'wait' | 'answer' | 'stop', late: boolean): string | undefined {
  if (late) return 'url(#watch-late)'
  return kind === 'request' || kind === 'thread' ? `url(#watch-${kind})` : undefined
}

interface GripProps {
  readonly x: number
  readonly y: number
  /** What the delay would be if the bar ended there, in pixels from the left of the picture. */
  readonly toDelay: (pixels: number) => number
  readonly onMove: (delayMs: number) => void
  readonly onDrop: (delayMs: number) => void
  readonly onLose: () => void
}

function Grip({ x, y, toDelay, onMove, onDrop, onLose }: GripProps) {
  const delayAt = (event: PointerEvent) => {
    const left = (event.currentTarget as SVGElement).ownerSVGElement?.getBoundingClientRect().left ?? 0
    return toDelay(event.clientX - left)
  }
  const isDragged = (event: PointerEvent) =>
    (event.currentTarget as SVGElement).hasPointerCapture(event.pointerId)
  return (
    <g
      class="grip"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId)
        onMove(delayAt(event))
      }}
      onPointerMove={(event) => {
        if (isDragged(event)) onMove(delayAt(event))
      }}
      onPointerUp={(event) => {
        if (isDragged(event)) onDrop(delayAt(event))
      }}
      onPointerCancel={onLose}
    >
      <rect x={x - GRIP / 2} y={y - 2} width={GRIP} height={BAR + 4} />
      <path d={`M${x - 1.5} ${y + 5}v${BAR - 10}M${x + 1.5} ${y + 5}v${BAR - 10}`} />
    </g>
  )
}
