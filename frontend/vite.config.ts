import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

const GATEWAY = process.env.GATEWAY ?? 'https://127.0.0.1:8443'

// The pages lie at /ui/ of the gateway under a strict policy (default-src 'self'): one script, one style sheet, no
// data: addresses, no inline code. Names carry no hash; the gateway serves them with an entity tag.
export default defineConfig({
  base: '/ui/',
  plugins: [svelte()],
  build: {
    outDir: '../src/wattproof/gateway/serve/pages',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    sourcemap: false,
    // The licences of what is in the script, shown under About.
    license: { fileName: 'licences.md' },
    target: 'es2022',
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      output: {
        entryFileNames: 'app.js',
        chunkFileNames: '[name].js',
        assetFileNames: '[name][extname]',
      },
    },
  },
  server: {
    // `npm run dev` shows the sources; what is not a page comes from a gateway, such as that of `make demo`. It wants to
    // hear its own address as origin.
    proxy: { '^/(?!ui/)': { target: GATEWAY, secure: false, changeOrigin: true, headers: { origin: GATEWAY } } },
  },
})
