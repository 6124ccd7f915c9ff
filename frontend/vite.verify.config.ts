import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

// The verification page: one script and one style sheet in a folder of their own. `selfcontained.py` puts both into the one
// file verify.html, which works from a disk as well as from the gateway.
export default defineConfig({
  base: './',
  publicDir: false,
  plugins: [svelte()],
  build: {
    outDir: 'node_modules/.verify',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    sourcemap: false,
    license: { fileName: 'licences.md' },
    target: 'es2022',
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      input: 'verify.html',
      output: { entryFileNames: 'verify.js', assetFileNames: 'verify[extname]' },
    },
  },
})
