import { defineConfig } from 'vitest/config'
import { mutationScopes } from './mutation-scopes.ts'

const { tests, globalSetup } = mutationScopes[process.env['REMPART_MUTATION_SCOPE'] ?? 'rules'] ?? { tests: [] }

/** The tests of one scope, in one process: a mutant runs the few that reach it, and a process for each costs more. */
export default defineConfig({
  resolve: { conditions: ['rempart-source'] },
  ssr: { resolve: { conditions: ['rempart-source'] } },
  test: {
    include: [...tests],
    ...(globalSetup === undefined ? {} : { globalSetup }),
    isolate: false,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
  },
})
