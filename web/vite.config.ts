import { defineConfig } from 'vitest/config';

// Where `npm run dev` finds a Kith server; the built page talks to the server that serves it.
const server = process.env.KITH_URL ?? 'http://127.0.0.1:7717';

export default defineConfig({
  esbuild: { jsx: 'automatic' },
  build: {
    target: 'es2022',
    cssTarget: 'es2022',
    // Everything is a file of its own: the server's content policy allows no data: or inline code.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/v1': server } },
  test: { include: ['src/**/*.test.{ts,tsx}'], environment: 'node' },
});
