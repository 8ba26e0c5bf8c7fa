/** What the database is asked to do beside answering. */

export interface AskedDatabase {
  /** How long it takes to answer, 0 to 10,000 ms. */
  readonly dbMs: number
  /** It answers with an error. */
  readonly dbFails: boolean
}

/**
 * Fails, after the delay in ms that is its parameter, and whatever was asked for: what the server sleeps through is
 * void, as a text that is empty, and by its length it divides.
 */
export const FAILING = {
  name: 'overlap-failing',
  text: 'SELECT 1 / length(pg_sleep($1::int / 1000.0)::text)',
} as const
