/**
 * The reservation service as a process of its own, started by `forkReservationService`.
 *
 * It lives exactly as long as its parent: when the channel to it closes, however the parent ended, it
 * leaves. Ctrl-C reaches the whole group, and the parent may still want answers while it shuts down
 * in order; so signals are left to the parent. Started by hand, it prints its URLs and obeys them.
 * The one argument is how many replicas to start.
 */
import { startReservationService } from './reservation-service.ts'

if (process.send) {
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => {})
  process.on('disconnect', () => process.exit())
}

const { urls } = await startReservationService({ replicas: Number(process.argv[2] ?? 1) })
if (process.send) process.send({ urls })
else console.log(urls.join('\n'))
