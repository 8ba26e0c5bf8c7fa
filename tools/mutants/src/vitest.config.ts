import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: {
    alias: { '@overlap/conformance/vitest': new URL('conformance.ts', import.meta.url).pathname },
  },
  test: { testTimeout: 30_000 },
})
