import path from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    globalSetup: ['test/start-server.ts', 'test/start-browser.ts'],
    // What is imported for one file is there for the next. A file leaves nothing behind in its process.
    isolate: false,
    // Where Node keeps what it has compiled, which halves what a process costs that a test starts.
    env: {
      NODE_COMPILE_CACHE: path.resolve(import.meta.dirname, '../../node_modules/.cache/overlap/compiled'),
    },
  },
})
