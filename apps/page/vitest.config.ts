import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    globalSetup: ['test/start-server.ts', 'test/start-browser.ts'],
    // What is imported for one file is there for the next. A file leaves nothing behind in its process.
    isolate: false,
  },
})
