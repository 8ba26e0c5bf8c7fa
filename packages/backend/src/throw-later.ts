/**
 * Calls back, and lets a throw surface on its own.
 *
 * A callback that throws is its author's bug, and it must end as an uncaught exception. But it is
 * called from deep inside a driver's parser, whose next answers would be lost with it.
 */
export function throwLater(callback: () => void): void {
  try {
    callback()
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}
