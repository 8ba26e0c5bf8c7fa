/** Answers the same bytes whatever it is asked, and asks nobody: what is measured of it is the measuring. */
import net from 'node:net'
import { answerText } from './answer-text.ts'
import { sayUrl } from './say-url.ts'

const text = answerText(
  JSON.stringify({
    scenario: 'combine',
    style: 'nothing',
    result: { sku: 'A-42', onHand: 42, reserved: 2, available: 40 },
  }),
  0,
)
sayUrl(
  net.createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    // Who measures sends the next request when it has its answer.
    socket.on('data', () => socket.write(text))
  }),
)
