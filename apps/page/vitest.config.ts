import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    globalSetup: ['test/start-server.ts', 'test/start-browser.ts'],
  },
})
