// The page in Debian's Chromium; no browser is ever downloaded. Tests against the mock server always
// run; tests against a real one run where KITH_E2E_URL names it.

import { defineConfig } from '@playwright/test';

const kMockPort = Number(process.env.MOCK_PORT ?? 7790);

export default defineConfig({
  testDir: 'tests',
  // The mock keeps one log for all.
  workers: 1,
  fullyParallel: false,
  // Generous: the tests share a small machine with compilers.
  timeout: 120_000,
  expect: { timeout: 30_000 },
  forbidOnly: true,
  reporter: 'list',
  outputDir: process.env.KITH_WEB_TEST_OUTPUT ?? 'node_modules/.test-results',
  use: {
    viewport: { width: 1280, height: 860 },
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    {
      name: 'mock',
      testMatch: 'page.spec.ts',
      use: { baseURL: `http://127.0.0.1:${kMockPort}` },
    },
    {
      name: 'real',
      testMatch: 'real_server.spec.ts',
      timeout: 300_000,
      use: { baseURL: process.env.KITH_E2E_URL ?? 'http://127.0.0.1:7717' },
    },
  ],
  webServer: {
    command: `node tests/mock_server.mjs ${kMockPort}`,
    url: `http://127.0.0.1:${kMockPort}/mock/log`,
    reuseExistingServer: false,
  },
});
