/** What all panels are about: a scenario, and the styles that are looked at. */
import { scenarios, styleNames } from '@overlap/workload'
import { field, oneOf, someOf } from './address.ts'

/** Whatever can be read and run: the five styles, and the version on everybody's slides, which the suite fails. */
export const exhibitNames = [...styleNames, 'naive'] as const
export type ExhibitName = (typeof exhibitNames)[number]

const scenarioNames = scenarios.map(({ name }) => name)

export const scenarioField = field('scenario', oneOf(...scenarioNames), 'combine', true)
export const stylesField = field('styles', someOf(...exhibitNames), ['promises', 'effect'])

export function currentScenario() {
  const scenario = scenarios.find(({ name }) => name === scenarioField.value)
  if (!scenario) throw new Error(`there is no scenario ${scenarioField.value}`)
  return scenario
}

/** The one before or after, round and round. */
export function stepScenario(by: 1 | -1): void {
  const index = scenarioNames.indexOf(scenarioField.value)
  scenarioField.value = scenarioNames.at((index + by) % scenarioNames.length) ?? 'combine'
}

/** Each style shown gives way to the one that follows it, round and round. */
export function stepStyles(): void {
  const next = (name: ExhibitName) =>
    exhibitNames[(exhibitNames.indexOf(name) + 1) % exhibitNames.length] ?? name
  stylesField.value = stylesField.value.map(next)
}

/** In the order in which they are always shown. At least one is left. */
export function toggleStyle(name: ExhibitName): void {
  const shown = new Set(stylesField.value)
  if (!shown.delete(name)) shown.add(name)
  if (shown.size > 0) stylesField.value = exhibitNames.filter((one) => shown.has(one))
}
