import type { Chunk, Connection, Port, Style } from '@overlap/workload'
import { call, never, wrong } from './fault.ts'

/** The calls of one conversation, in parts that can be done wrong. */
class Conversation {
  readonly port: Port
  readonly connection: Connection
  readonly signal: AbortSignal

  constructor(port: Port, connection: Connection, signal: AbortSignal) {
    this.port = port
    this.connection = connection
    this.signal = signal
  }

  read(): Promise<Chunk | null> {
    return call(this.port.readChunk, this.connection, this.signal)
  }
  write(chunk: Chunk): Promise<void> {
    return call(this.port.writeChunk, { connection: this.connection, chunk }, this.signal)
  }
  end(): Promise<void> {
    return call(this.port.endOutput, this.connection, this.signal)
  }

  /** Answers how many bytes it has written. */
  async pass(): Promise<number> {
    let bytes = 0
    for (let chunk = await this.read(); chunk; chunk = await this.read()) {
      await this.write(chunk)
      bytes += chunk.length
    }
    return bytes
  }
  async run(): Promise<number> {
    const bytes = await this.pass()
    await this.end()
    return bytes
  }
}

export const echo: Style['echo'] = (port, connection, signal) =>
  new Conversation(port, connection, signal).run()

const wrongConversation = (
  name: string,
  fails: readonly string[],
  Faulty: new (port: Port, connection: Connection, signal: AbortSignal) => Conversation,
) =>
  wrong(name, fails, {
    echo: async (port, connection, signal) => new Faulty(port, connection, signal).run(),
  })

export const wrongEchoes = [
  wrongConversation(
    'reads on while it writes',
    ['one chunk', 'end of input', 'equal work', 'many chunks', 'any schedule'],
    class extends Conversation {
      override async pass() {
        const writes: Promise<number>[] = []
        for (let chunk = await this.read(); chunk; chunk = await this.read()) {
          const { length } = chunk
          const written = this.write(chunk).then(() => length)
          written.catch(() => {})
          writes.push(written)
        }
        const lengths = await Promise.all(writes)
        return lengths.reduce((sum, length) => sum + length, 0)
      }
    },
  ),
  wrongConversation(
    'reads one chunk ahead',
    ['one chunk', 'equal work', 'any schedule'],
    class extends Conversation {
      override async pass() {
        let bytes = 0
        let chunk = await this.read()
        while (chunk) {
          const [next] = await Promise.all([this.read(), this.write(chunk)])
          bytes += chunk.length
          chunk = next
        }
        return bytes
      }
    },
  ),
  wrongConversation(
    'sends nothing back before it has everything',
    ['one chunk', 'equal work', 'many chunks', 'any schedule'],
    class extends Conversation {
      override async pass() {
        const chunks: Chunk[] = []
        for (let chunk = await this.read(); chunk; chunk = await this.read()) chunks.push(chunk)
        for (const chunk of chunks) await this.write(chunk)
        return chunks.reduce((sum, { length }) => sum + length, 0)
      }
    },
  ),
  wrongConversation(
    'keeps every chunk to count it at the end',
    ['many chunks'],
    class extends Conversation {
      override async pass() {
        const chunks: Chunk[] = []
        for (let chunk = await this.read(); chunk; chunk = await this.read()) {
          await this.write(chunk)
          chunks.push(chunk)
        }
        return chunks.reduce((sum, { length }) => sum + length, 0)
      }
    },
  ),
  wrongConversation(
    'calls itself for each chunk, and waits for that',
    ['many chunks'],
    class extends Conversation {
      override async pass(): Promise<number> {
        const chunk = await this.read()
        if (!chunk) return 0
        await this.write(chunk)
        return chunk.length + (await this.pass())
      }
    },
  ),
  wrongConversation(
    'does not end its output',
    ['end of input', 'equal work'],
    class extends Conversation {
      override run() {
        return this.pass()
      }
    },
  ),
  wrongConversation(
    'answers before its output has ended',
    ['end of input', 'nothing outlives it'],
    class extends Conversation {
      override async run() {
        const bytes = await this.pass()
        this.end().catch(() => {})
        return bytes
      }
    },
  ),
  wrongConversation(
    'ends its output also when it fails',
    ['broken connection', 'first error', 'equal work'],
    class extends Conversation {
      override async run() {
        try {
          return await this.pass()
        } finally {
          await this.end()
        }
      }
    },
  ),
  wrongConversation(
    'takes a broken connection for the end of the input',
    ['broken connection', 'first error', 'equal work'],
    class extends Conversation {
      override read() {
        return super.read().catch((error: unknown) => {
          if (this.signal.aborted) throw error
          return null
        })
      }
    },
  ),
  wrongConversation(
    'does not look whether a write has failed',
    ['broken connection', 'any schedule'],
    class extends Conversation {
      override write(chunk: Chunk) {
        return super.write(chunk).catch((error: unknown) => {
          if (this.signal.aborted) throw error
        })
      }
    },
  ),
  wrongConversation(
    'cancels no write',
    ['same moment', 'at every step'],
    class extends Conversation {
      override write(chunk: Chunk) {
        return call(this.port.writeChunk, { connection: this.connection, chunk }, never)
      }
    },
  ),
  wrongConversation(
    'takes bytes for text',
    ['every byte'],
    class extends Conversation {
      override write(chunk: Chunk) {
        return super.write(new TextEncoder().encode(new TextDecoder().decode(chunk)))
      }
    },
  ),
  wrongConversation(
    'sends the memory in which a chunk lies',
    ['every byte'],
    class extends Conversation {
      override write(chunk: Chunk) {
        return super.write(new Uint8Array(chunk.buffer))
      }
    },
  ),
  wrongConversation(
    'counts chunks',
    ['result', 'every byte', 'many chunks'],
    class extends Conversation {
      override async pass() {
        let chunks = 0
        for (let chunk = await this.read(); chunk; chunk = await this.read()) {
          await this.write(chunk)
          chunks++
        }
        return chunks
      }
    },
  ),
]
