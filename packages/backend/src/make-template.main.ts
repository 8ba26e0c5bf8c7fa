/** Runs when the packages are installed. Without a template, a start of Postgres is slower, and no more. */
import { findTemplate, makeTemplate } from './postgres-template.ts'

try {
  await makeTemplate(findTemplate())
} catch (error) {
  console.warn(`Postgres will start without a template. ${String(error)}`)
}
