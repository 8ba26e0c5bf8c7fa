import { defineConfig } from 'vitest/config'

const file = (name: string) => new URL(name, import.meta.url).pathname

export default defineConfig({
  resolve: { alias: { '@overlap/conformance/vitest': file('conformance.ts') } },
  test: { setupFiles: [file('watch-tests.ts')], testTimeout: 60_000 },
})
