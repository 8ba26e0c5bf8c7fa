/**
 * The `stock` table and its rows, in a Postgres schema of their own.
 *
 * `IF NOT EXISTS` alone is not safe when two processes start at the same time: both look, and one
 * fails. So the whole is one transaction (as every query of several statements is), and it begins
 * with an advisory lock.
 */

/** Any number will do, as long as nobody else locks it. */
const LOCK = 7_683_752_774

/** What is in stock: `A-42` is the talks' product, `B-0` is sold out, `T-100` is for
 * orders, and the rest is for long lists. What has been taken is not filled up again. */
const rows = [
  ['A-42', 42],
  ['B-0', 0],
  ['T-100', 100],
  ...Array.from({ length: 20 }, (_, i) => [`A-${i + 1}`, i + 1] as const),
]

export const createStock = `
  SELECT pg_advisory_xact_lock(${LOCK});
  CREATE SCHEMA IF NOT EXISTS overlap;
  CREATE TABLE IF NOT EXISTS overlap.stock (
    sku text PRIMARY KEY,
    on_hand integer NOT NULL CHECK (on_hand >= 0)
  );
  INSERT INTO overlap.stock (sku, on_hand)
    VALUES ${rows.map(([sku, onHand]) => `('${sku}', ${onHand})`).join(', ')}
    ON CONFLICT (sku) DO NOTHING;
`
