import { defineConfig } from 'vite'

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // It imports nothing while it runs, so that a server needs no more than the built files.
  ssr: { noExternal: true },
  build: {
    target: 'es2022',
    emptyOutDir: true,
    cssCodeSplit: false,
    modulePreload: false,
    // As files: the content security policy allows no data in a style sheet.
    assetsInlineLimit: 0,
    rolldownOptions: { input: 'src/browser.tsx' },
  },
})
