/** Runs when the packages are installed. That there is no template must not be the end of it: Postgres starts without. */
import { findTemplate, makeTemplate } from './postgres-template.ts'

try {
  await makeTemplate(findTemplate())
} catch (error) {
  console.warn(`No template for Postgres, so each start of it takes half a second longer. ${String(error)}`)
}
