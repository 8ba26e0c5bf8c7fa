/** Listens to a channel and notes what it hears. The port's clauses are checked on the way. */
import type { Channel, DatabaseError, Message } from '@overlap/workload'
import type { CallEvent, RealPort } from '../src/index.ts'
import { eventually } from './eventually.ts'

export interface Ear {
  readonly messages: readonly Message[]
  readonly texts: readonly (string | null)[]
  /** Of the call, as whoever watches is told. */
  readonly events: readonly CallEvent[]
  readonly error: DatabaseError | undefined
  /** Resolves once it listens. */
  listens(): Promise<Ear>
  hears(text: string | null): Promise<void>
  leave(): void
  stopped(): Promise<void>
}

/** `onMessage` is called from within. */
export function listenTo(
  port: Pick<RealPort, 'forRun'>,
  channel: Channel,
  onMessage: (message: Message) => void = () => {},
): Ear {
  const messages: Message[] = []
  const events: CallEvent[] = []
  let state: 'returning' | 'open' | 'ended' | 'left' = 'returning'
  let error: DatabaseError | undefined
  function check(what: unknown) {
    if (state !== 'open') throw new Error(`it was told when it had ${state}`, { cause: what })
  }
  const run = port.forRun({ dbMs: 0, httpMs: 0, observe: (_, event) => events.push(event) })
  const cancel = run.listen(channel)(
    (message) => {
      check(message)
      messages.push(message)
      onMessage(message)
    },
    (reason) => {
      check(reason)
      if (reason === null) throw new Error('it ended without an error')
      state = 'ended'
      error = reason
    },
  )
  state = 'open'
  const ear: Ear = {
    messages,
    get texts() {
      return messages.map(({ text }) => text)
    },
    events,
    get error() {
      return error
    },
    async listens() {
      await eventually(`${channel} is listened to`, () => events.includes('sent'))
      return ear
    },
    async hears(text) {
      await eventually(`${channel} brings ${text}`, () => messages.at(-1)?.text === text)
    },
    leave() {
      if (state === 'open') state = 'left'
      cancel()
    },
    async stopped() {
      await eventually(`${channel} is left`, () => events.includes('stopped'))
    },
  }
  return ear
}
