/** Takes over in the browser what the server has rendered. */
import { effect } from '@preact/signals'
import { hydrate } from 'preact'
import './styles.css'
import { followAddress, show } from './address.ts'
import { App, titleOf } from './app.tsx'
import { type Code, code } from './code.ts'
import { type PageData, pageData } from './data.ts'
import { applyTheme } from './theme.ts'

const state = JSON.parse(document.querySelector('#state')?.textContent ?? '{}') as {
  readonly data: PageData
  readonly code: Code
}
show(location)
pageData.value = state.data
code.value = state.code
const app = document.querySelector('#app')
if (app) hydrate(<App />, app)
followAddress()
effect(applyTheme)
effect(() => {
  document.title = titleOf()
})
