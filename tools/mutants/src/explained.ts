/** A kind of mutant that no test can tell from the original. */
export interface Explanation {
  readonly why: string
  /** Of each mutant: its file, and its lines before and after, as the run prints them. */
  readonly mutants: readonly (readonly [file: string, before: string, after: string])[]
}

export const explained: readonly Explanation[] = [
  {
    why: 'A run does not show its style’s name. The server looks a style up by it, and its tests do.',
    mutants: [
      ['callbacks/adapter', "name: 'callbacks',", 'name: "",'],
      ['promises/adapter', "name: 'promises',", 'name: "",'],
      ['generators/adapter', "name: 'generators',", 'name: "",'],
      ['observables/adapter', "name: 'observables',", 'name: "",'],
      ['effect/adapter', "name: 'effect',", 'name: "",'],
    ],
  },
  {
    why: 'A reason that nobody is told, because all who could be have left.',
    mutants: [
      ['promises/batch', "query.abort('all have left')", 'query.abort("")'],
      ['promises/scope', "const over = 'the scope is over'", 'const over = ""'],
    ],
  },
  {
    why: 'A key that is not forgotten at once is so when the keys are counted, or when there are many of them. It takes some memory until then.',
    mutants: [
      ['callbacks/regulate', 'lanes.release(key)', ';'],
      ['promises/regulate', 'lanes.release(key)', ';'],
      // Whoever has aborted before would have a key made, and not come to releasing it.
      ['promises/regulate', 'signal.throwIfAborted()', ';'],
      ['generators/regulate', 'lanes.release(key)', ';'],
      ['observables/regulate', 'lanes.release(key)', ';'],
      ['effect/regulate', 'lanes.release(key)', ';'],
    ],
  },
  {
    why: 'What would come of it is thrown at who emits after the end, and there it is caught and counts for nothing.',
    mutants: [['promises/adapter', 'if (ended) return false', 'if (false) return false']],
  },
  {
    why: 'A generator that has ended is told to return once more, and says that it is done.',
    mutants: [
      [
        'generators/operation',
        "if (this.#isAdvancing) this.#phase = 'waiting'",
        "if (true) this.#phase = 'waiting'",
      ],
    ],
  },
  {
    why: 'Whoever has been told already would be told again, which comes too late for it.',
    mutants: [
      ['generators/operation', 'waiting.clear()', ';'],
      ['generators/operation', 'takers.clear()', ';'],
    ],
  },
  {
    why: 'Either of the two is enough here: whoever waits for demand leaves together with all others, or once it is served, and asks for no more from within.',
    mutants: [
      ['observables/adapter', 'return () => waiting.delete(subscriber)', 'return () => undefined'],
      ['observables/adapter', 'waiting.delete(first)', ';'],
    ],
  },
  {
    why: '`delayWhen`, which alone subscribes to the demand, takes one value and waits for no end.',
    mutants: [['observables/adapter', 'first.complete()', ';']],
  },
  {
    why: 'The port answers no call before it has returned, and by then whoever shares the answer has subscribed to it.',
    mutants: [
      [
        'observables/hedge',
        '.pipe(share({ resetOnComplete: false, resetOnError: false }))',
        '.pipe(share({ resetOnComplete: true, resetOnError: false }))',
      ],
    ],
  },
  {
    why: 'The fiber starts in another turn of Effect’s scheduler, which comes before any answer. Nobody asks for a call in the very tick.',
    mutants: [
      [
        'effect/shutdown',
        'FiberSet.run(running, combine(sku), { startImmediately: true }),',
        'FiberSet.run(running, combine(sku), {}),',
      ],
      [
        'effect/shutdown',
        'FiberSet.run(running, combine(sku), { startImmediately: true }),',
        'FiberSet.run(running, combine(sku), { startImmediately: false }),',
      ],
    ],
  },
  {
    why: 'It would gather an array of nothings, which nobody reads.',
    mutants: [['effect/stream', 'discard: true,', 'discard: false,']],
  },
  {
    why: 'The key of a service tells it from others, and there is one.',
    mutants: [['effect/backend', "'@overlap/effect/Backend',", '"",']],
  },
]
