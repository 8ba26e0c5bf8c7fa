/** Load on the styles, and the talks' measurements. */
import { useEffect } from 'preact/hooks'
import 'uplot/dist/uPlot.min.css'
import type { Panel } from '../../panel.ts'
import { Experiments } from './experiments-table.tsx'
import { Figures } from './figures.tsx'
import { Form, press } from './form.tsx'
import { leave, resume, shown, togglePause } from './live.ts'
import './load.css'

export const load: Panel = {
  name: 'load',
  key: 'L',
  title: 'Load',
  about:
    'Many requests at a time, from another process: what each style serves, how long it takes, and what waits.',
  View: Load,
  choice: true,
  keys: () => [
    { key: 'l', what: 'start or stop the load', press },
    { key: ' ', what: 'pause the charts, or let them go on', press: togglePause },
  ],
}

function Load() {
  useEffect(() => {
    resume()
    return leave
  }, [])
  return (
    <>
      <Form />
      {shown.value && <Figures state={shown.value} />}
      <Experiments />
    </>
  )
}
