/**
 * `combine` in the terms of whoever writes it, without the common contract: the five styles, the libraries that people take
 * instead ([peers](peers/)), and the two calls alone. Each is loaded only where it is measured.
 */
import { type Availability, type Done, type Port, type Sku, toAvailability } from '@overlap/workload'

/**
 * Makes what its runs have in common, and hands back how to start one, which returns what its starter holds to stop it, or
 * to wait for it. `done` hears of the end of each.
 */
export type OpenNative = (port: Port, done: Done<Availability>) => Promise<(sku: Sku) => unknown>

export const natives = {
  async callbacks(port, done) {
    const { combine, liftBackend } = await import('@overlap/callbacks')
    const backend = liftBackend(port)
    return (sku) => combine(backend, sku, done)
  },
  async promises(port, done) {
    const { combine, liftBackend } = await import('@overlap/promises')
    const backend = liftBackend(port)
    const succeed = (availability: Availability) => done(null, availability)
    return (sku) => {
      const controller = new AbortController()
      void combine(backend, sku, controller.signal).then(succeed, done)
      return controller
    }
  },
  async generators(port, done) {
    const { combine, liftBackend, run } = await import('@overlap/generators')
    const backend = liftBackend(port)
    return (sku) => run(combine(backend, sku), done)
  },
  async observables(port, done) {
    const { combine, liftBackend } = await import('@overlap/observables')
    const backend = liftBackend(port)
    const observer = { next: (availability: Availability) => done(null, availability), error: done }
    return (sku) => combine(backend, sku).subscribe(observer)
  },
  async effect(port, done) {
    const { Backend, combine, liftBackend } = await import('@overlap/effect')
    const { Cause, Context, Effect, Exit } = await import('effect')
    const run = Effect.runCallbackWith(Context.make(Backend, liftBackend(port)))
    const options: Parameters<typeof run<Availability, Error>>[1] = {
      onExit: (exit) =>
        // A cast, because a defect may be anything.
        Exit.isSuccess(exit) ? done(null, exit.value) : done(Cause.squash(exit.cause) as Error),
    }
    return (sku) => run(combine(sku), options)
  },
  co: async (port, done) => (await import('./peers/co.ts')).open(port, done),
  async: async (port, done) => (await import('./peers/async.ts')).open(port, done),
  effection: async (port, done) => (await import('./peers/effection.ts')).open(port, done),
  bluebird: async (port, done) => (await import('./peers/bluebird.ts')).open(port, done),
  'Promise.all': async (port, done) => (await import('./peers/promise-all.ts')).open(port, done),
  /** The port, and what measures: the two calls, which nobody joins and nobody can stop. */
  'calls alone': async ({ findStock, fetchReservation }, done) => {
    const availability = toAvailability({ sku: '', onHand: 42 }, { sku: '', reserved: 2 })
    const ignore = () => {}
    const join = () => done(null, availability)
    return (sku) => {
      findStock(sku, ignore)
      fetchReservation(sku, join)
    }
  },
} satisfies Readonly<Record<string, OpenNative>>

export type NativeName = keyof typeof natives

// A cast, because the names of keys are lost.
export const nativeNames = Object.keys(natives) as readonly NativeName[]

/** Those that are no style: the module that exports each as `adapted`, for the suite to judge. */
export const peers: Readonly<Partial<Record<NativeName, string>>> = {
  co: './peers/co.ts',
  async: './peers/async.ts',
  effection: './peers/effection.ts',
  bluebird: './peers/bluebird.ts',
  'Promise.all': './peers/promise-all.ts',
}
