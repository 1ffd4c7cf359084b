import { defineConfig } from 'vitest/config'

const source = { resolve: { conditions: ['rempart-source'] }, ssr: { resolve: { conditions: ['rempart-source'] } } }

export default defineConfig({
  ...source,
  test: {
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    projects: [
      {
        ...source,
        test: { name: 'unit', include: ['packages/*/src/**/*.test.ts'] },
      },
    ],
    coverage: { provider: 'v8', include: ['packages/*/src/**/*.ts'] },
  },
})
