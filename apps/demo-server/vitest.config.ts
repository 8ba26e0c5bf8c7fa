import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    globalSetup: 'test/start-postgres.ts',
    // What is imported for one file is there for the next: reading the server anew for each of them cost a fifth of all.
    // So a file leaves nothing behind in its process: it restores what it spies on and closes what it opens, mocks no
    // module, and sets no variable of the environment.
    isolate: false,
  },
})
