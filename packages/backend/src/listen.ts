/**
 * Listens to a channel of Postgres, until it is cancelled.
 *
 * Whoever watches is told `sent` when the server's LISTEN holds, and after `cancelled` `stopped` when its UNLISTEN
 * does: or when somebody else listens to the channel, or the connection is gone.
 */
import { checkChannel, type Port } from '@overlap/workload'
import { Listener, type Channels } from './channels.ts'
import { Told } from './told.ts'
import type { Watcher } from './watcher.ts'

export function createListen(channels: Channels, watcher: Watcher): Port['listen'] {
  return (channel) => {
    checkChannel(channel)
    return (next, done) => {
      const listener = new Listener(next, new Told('listen', done, watcher))
      channels.join(channel, listener)
      return () => channels.leave(channel, listener)
    }
  }
}
