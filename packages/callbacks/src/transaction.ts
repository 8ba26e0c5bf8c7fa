import type {
  Cancel,
  Done,
  OutOfStockError,
  PortError,
  Receipt,
  Session,
  SkuUnits,
  Stock,
} from '@overlap/workload'
import { checkTransaction, toReceipt } from '@overlap/workload'
import type { Backend } from './backend.ts'

type DoneOrdering = Done<Receipt, PortError | OutOfStockError>

/**
 * Takes `units` from the stock and confirms them over HTTP, or takes nothing.
 *
 * Calls `done` with the first error. One call runs at a time, and that is the one which is cancelled.
 * The session is closed before `done` is called, and by a cancel.
 */
export function transaction(backend: Backend, input: SkuUnits, done: DoneOrdering): Cancel {
  checkTransaction(input)

  let cancelRunning = backend.openSession(undefined, (error, session) => {
    if (error) return done(error)
    if (session) cancelRunning = orderIn(session, backend, input, done)
  })
  return () => cancelRunning()
}

/** Has the session, and sees that it is closed once. */
function orderIn(session: Session, backend: Backend, { sku, units }: SkuUnits, done: DoneOrdering): Cancel {
  let isOpen = true

  let cancelRunning = session.takeStock({ sku, units }, (error, stock) => {
    if (error) return end(error)
    if (stock) confirm(stock)
  })
  function confirm(stock: Stock) {
    cancelRunning = backend.confirmOrder({ order: session.order, sku, units }, (error, confirmation) => {
      if (error) return end(error)
      if (confirmation) commit(toReceipt(stock, confirmation))
    })
  }
  function commit(receipt: Receipt) {
    cancelRunning = session.commit(undefined, (error) => (error ? end(error) : end(null, receipt)))
  }
  function end(...ending: Parameters<DoneOrdering>) {
    close()
    done(...ending)
  }
  function close() {
    if (isOpen) session.close()
    isOpen = false
  }
  return () => {
    cancelRunning()
    close()
  }
}
