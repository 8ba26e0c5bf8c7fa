/** Draws a Vega-Lite specification as SVG, without a browser. */
import { View, parse } from 'vega'
import { compile } from 'vega-lite'
import type { Plot } from './part.ts'

export async function drawPlot(plot: Plot): Promise<string> {
  // A cast: a specification is JSON, whose type has thousands of members.
  const { spec } = compile(plot as unknown as Parameters<typeof compile>[0])
  return new View(parse(spec), { renderer: 'none' }).toSVG()
}
