import { defineConfig } from 'vitest/config'
import { TestSummary } from './scripts/test-summary.ts'

const source = { resolve: { conditions: ['rempart-source'] }, ssr: { resolve: { conditions: ['rempart-source'] } } }

export default defineConfig({
  ...source,
  test: {
    reporters: ['default', new TestSummary()],
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    projects: [
      {
        ...source,
        test: {
          name: 'packages',
          include: ['packages/*/src/**/*.test.ts'],
          globalSetup: ['packages/server/src/testing/global-setup.ts'],
          // Many run side by side, with real hashes and a real database: one that hangs is still told from one that waits.
          testTimeout: 30_000,
        },
      },
      {
        ...source,
        // Real processes, killed and restarted: one file at a time, so that none starves another of its two cores.
        test: {
          name: 'system',
          include: ['tests/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
    // Judged by `npm run coverage`, of a whole run: what one file covers says nothing.
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      exclude: ['**/*.test.ts', '**/testing/**', '**/*.generated.ts'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { lines: 90, branches: 85, 'packages/guard/src/rules/*.ts': { lines: 100 } },
    },
  },
})
