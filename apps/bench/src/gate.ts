/** The gate: nothing is measured of a style in a scenario in which it fails a clause. */
import { judgeInChild } from '@overlap/conformance/fork-judge'
import { type ScenarioName, type StyleName, scenarios, styleNames } from '@overlap/workload'
import type { Gate } from './part.ts'

/**
 * Puts every style through the suite's scripted and simulated tier, each in a process of its own. That its calls are
 * those of the reference model is one of the clauses.
 */
export async function judgeAll(): Promise<Gate> {
  const all = styleNames.map(async (style) => [style, await judgeWhole(style)] as const)
  return Object.fromEntries(await Promise.all(all))
}

/** Who has not been judged has failed nothing, and must not pass for that. */
async function judgeWhole(style: StyleName): Promise<Gate[string]> {
  const failed = await failedClauses(style, import.meta.resolve(`@overlap/${style}`))
  const missing = scenarios.filter(({ name }) => !failed[name])
  if (missing.length > 0)
    throw new Error(`${style} was not judged in ${missing.map(({ name }) => name).join(', ')}`)
  return failed
}

/**
 * @param style The name under which its module exports it.
 * @param module The URL of that module.
 * @param scenario By default, all of them.
 */
export async function failedClauses(
  style: string,
  module: string,
  scenario?: ScenarioName,
): Promise<Gate[string]> {
  const failed: Partial<Record<ScenarioName, string[]>> = {}
  await judgeInChild({
    style,
    module,
    scenario,
    onVerdict({ scenario: judged, clause, held }) {
      const ids = (failed[judged] ??= [])
      if (!held) ids.push(clause)
    },
  })
  return failed
}
