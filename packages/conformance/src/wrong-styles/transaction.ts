import {
  type Confirmation,
  OutOfStockError,
  type Port,
  type Receipt,
  type Session,
  type SkuUnits,
  type Stock,
  type Style,
  checkTransaction,
  toReceipt,
} from '@overlap/workload'
import { call, never, wrong } from './fault.ts'

export async function transaction(port: Port, input: SkuUnits, signal: AbortSignal): Promise<Receipt> {
  checkTransaction(input)
  const session = await call(port.openSession, undefined, signal)
  try {
    return await orderIn(session, port, input, signal)
  } finally {
    session.close()
  }
}

async function orderIn(session: Session, port: Port, input: SkuUnits, signal: AbortSignal): Promise<Receipt> {
  const stock = await call(session.takeStock, input, signal)
  const confirmation = await confirm(session, port, input, signal)
  await call(session.commit, undefined, signal)
  return toReceipt(stock, confirmation)
}

const confirm = (
  { order }: Session,
  port: Port,
  input: SkuUnits,
  signal: AbortSignal,
): Promise<Confirmation> => call(port.confirmOrder, { order, ...input }, signal)

/** A transaction whose session is used as `use` says, and closed. */
const using =
  (use: typeof orderIn): Style['transaction'] =>
  async (port, input, signal) => {
    checkTransaction(input)
    const session = await call(port.openSession, undefined, signal)
    try {
      return await use(session, port, input, signal)
    } finally {
      session.close()
    }
  }

/** A transaction that closes its session only when `isDue`. */
const closing =
  (isDue: (failed: boolean, signal: AbortSignal) => boolean): Style['transaction'] =>
  async (port, input, signal) => {
    checkTransaction(input)
    const session = await call(port.openSession, undefined, signal)
    let failed = true
    try {
      const receipt = await orderIn(session, port, input, signal)
      failed = false
      return receipt
    } finally {
      if (isDue(failed, signal)) session.close()
    }
  }

export const wrongTransactions = [
  wrong('closes its session twice', ['once', 'closes its session', 'at every step'], {
    transaction: using(async (session, ...rest) => {
      try {
        return await orderIn(session, ...rest)
      } catch (error) {
        session.close()
        throw error
      }
    }),
  }),
  wrong('closes no session on abort', ['closes its session', 'same moment', 'at every step'], {
    transaction: closing((_, { aborted }) => !aborted),
  }),
  wrong('closes no session on failure', ['closes its session', 'too few', 'at every step'], {
    transaction: closing((failed, { aborted }) => !failed || aborted),
  }),
  wrong('closes no session on success', ['closes its session', 'nothing left'], {
    transaction: closing((failed) => failed),
  }),
  wrong('closes its session while a call runs', ['closes its session', 'at every step'], {
    async transaction(port, input, signal) {
      checkTransaction(input)
      const session = await call(port.openSession, undefined, signal)
      let isOpen = true
      const close = () => {
        if (isOpen) session.close()
        isOpen = false
      }
      signal.addEventListener('abort', close, { once: true })
      try {
        return await orderIn(session, port, input, signal)
      } finally {
        signal.removeEventListener('abort', close)
        close()
      }
    },
  }),
  wrong('lets the session open on abort', ['abort while it opens'], {
    async transaction(port, input, signal) {
      checkTransaction(input)
      signal.throwIfAborted()
      const session = await call(port.openSession, undefined, never)
      try {
        return await orderIn(session, port, input, signal)
      } finally {
        session.close()
      }
    },
  }),
  wrong('loses a session that comes with an abort', ['same moment'], {
    async transaction(port, input, signal) {
      checkTransaction(input)
      const session = await call(port.openSession, undefined, signal)
      signal.throwIfAborted()
      try {
        return await orderIn(session, port, input, signal)
      } finally {
        session.close()
      }
    },
  }),
  wrong('commits before it confirms', ['equal work', 'one after the other'], {
    transaction: using(async (session, port, input, signal) => {
      const stock = await call(session.takeStock, input, signal)
      await call(session.commit, undefined, signal)
      return toReceipt(stock, await confirm(session, port, input, signal))
    }),
  }),
  wrong('does not commit', ['equal work', 'one after the other'], {
    transaction: using(async (session, port, input, signal) => {
      const stock = await call(session.takeStock, input, signal)
      return toReceipt(stock, await confirm(session, port, input, signal))
    }),
  }),
  wrong('confirms without taking', ['equal work', 'one after the other'], {
    transaction: using(async (session, port, input, signal) => {
      const confirmation = await confirm(session, port, input, signal)
      await call(session.commit, undefined, signal)
      return toReceipt({ sku: input.sku, onHand: 7 }, confirmation)
    }),
  }),
  wrong('takes and confirms at the same time', ['one after the other', 'too few', 'any schedule'], {
    transaction: using(async (session, port, input, signal) => {
      const [stock, confirmation] = await Promise.all([
        call(session.takeStock, input, signal),
        confirm(session, port, input, signal),
      ])
      await call(session.commit, undefined, signal)
      return toReceipt(stock, confirmation)
    }),
  }),
  wrong('confirms although there are too few', ['too few', 'any schedule'], {
    transaction: using(async (session, port, input, signal) => {
      const stock = await call(session.takeStock, input, signal).catch((error: unknown): Stock => {
        if (error instanceof OutOfStockError) return { sku: input.sku, onHand: 0 }
        throw error
      })
      const confirmation = await confirm(session, port, input, signal)
      await call(session.commit, undefined, signal)
      return toReceipt(stock, confirmation)
    }),
  }),
  wrong('sells in any number of units', ['wrong input'], {
    async transaction(port, input, signal) {
      const session = await call(port.openSession, undefined, signal)
      try {
        return await orderIn(session, port, input, signal)
      } finally {
        session.close()
      }
    },
  }),
]
