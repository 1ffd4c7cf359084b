import { defineConfig } from 'vitest/config'
import { mutationScopes } from './mutation-scopes.ts'

const { tests, globalSetup } = mutationScopes[process.env['REMPART_MUTATION_SCOPE'] ?? 'rules'] ?? { tests: [] }

/** The tests of one scope, in one process: a mutant runs the few that reach it, and a process for each costs more. */
export default defineConfig({
  resolve: { conditions: ['rempart-source'] },
  ssr: { resolve: { conditions: ['rempart-source'] } },
  test: {
    include: tests.filter((path) => !path.startsWith('!')),
    exclude: tests.filter((path) => path.startsWith('!')).map((path) => path.slice(1)),
    setupFiles: ['scripts/mutation-setup.ts'],
    ...(globalSetup === undefined ? {} : { globalSetup }),
    isolate: false,
    // A test that is only slow must not pass for one that notices: endless loops are Stryker's to end.
    testTimeout: 60_000,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
  },
})
