import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { TestSummary } from './scripts/test-summary.ts'

const source = { resolve: { conditions: ['rempart-source'] }, ssr: { resolve: { conditions: ['rempart-source'] } } }

/** Two also on the smallest machine: one waits for a disk, a clock or another process while the other works. */
const maxWorkers = Math.max(2, availableParallelism() - 1)

/** Those that count milliseconds or memory, kill what they run on, or build the packages where they stand. */
const alone = [
  'tests/faults/!(embedded-*|intake-client|redis-scripts|webhook-kill).test.ts',
  'tests/acceptance/{s1-security-backlog,s3-performance}.test.ts',
  'tests/system/{guard-package,guard-readme}.test.ts',
  'tests/system/{gateway-redis,master-key-rotation,policy-overrides,redis-guard,workers}.test.ts',
]

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
          maxWorkers,
        },
      },
      {
        ...source,
        // Real processes, each file with its own, side by side.
        test: {
          name: 'system',
          include: ['tests/**/*.test.ts'],
          exclude: alone,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          maxWorkers,
        },
      },
      {
        ...source,
        // One file at a time, so that none starves another of its two cores.
        test: {
          name: 'alone',
          include: alone,
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
