import { h } from 'preact'

/** A moment as the server tells it (ISO 8601), for people: the same on the server and in every browser. */
export const timeOf = (moment: string) => `${moment.slice(0, 10)} ${moment.slice(11, 16)} UTC`

/** Its backquotes are code. */
export const words = (text: string) =>
  text.split('`').map((piece, index) => (index % 2 === 1 ? h('code', { key: index }, piece) : piece))
