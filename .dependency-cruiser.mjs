/** Who may import whom. The names of the rules are the ones CONTRIBUTING.md explains. */
export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'guard-is-a-leaf',
      severity: 'error',
      from: { path: '^packages/guard/src/', pathNot: '(adapters/|testing/|\\.test\\.ts$)' },
      to: { pathNot: '^packages/guard/src/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'testing-stays-in-tests',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: '(testing/|\\.test\\.ts$|-contract\\.ts$)' },
      to: { path: '^packages/.+/testing/' },
    },
    {
      name: 'server-knows-no-cli',
      severity: 'error',
      from: { path: '^packages/(server|guard)/' },
      to: { path: '^packages/cli/' },
    },
    {
      name: 'gateway-knows-the-guard-alone',
      severity: 'error',
      from: { path: '^packages/gateway/src/', pathNot: '(testing/|\\.test\\.ts$)' },
      to: { pathNot: '^packages/(gateway|guard)/src/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'only-cli-knows-the-gateway',
      severity: 'error',
      from: { path: '^packages/', pathNot: '^packages/(gateway|cli)/' },
      to: { path: '^packages/gateway/' },
    },
    {
      name: 'core-knows-no-module',
      severity: 'error',
      from: { path: '^packages/server/src/core/', pathNot: '\\.test\\.ts$' },
      to: { path: '^packages/server/src/modules/' },
    },
    {
      name: 'core-knows-no-configuration',
      severity: 'error',
      from: { path: '^packages/server/src/(core|database)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^packages/server/src/config(-values)?\\.ts$' },
    },
    {
      name: 'database-knows-no-core',
      severity: 'error',
      from: { path: '^packages/server/src/database/', pathNot: '\\.test\\.ts$' },
      to: { path: '^packages/server/src/(core|modules)/' },
    },
    {
      name: 'modules-do-not-reach-into-modules',
      severity: 'error',
      from: { path: '^packages/server/src/modules/([^/]+)/', pathNot: '\\.test\\.ts$' },
      to: {
        path: '^packages/server/src/modules/([^/]+)/',
        pathNot: ['^packages/server/src/modules/$1/', '/public\\.ts$'],
      },
    },
    {
      name: 'only-queries-touch-kysely',
      severity: 'error',
      from: { path: '^packages/server/src/modules/', pathNot: '(queries\\.ts|-queries\\.ts|\\.test\\.ts)$' },
      to: { path: '^node_modules/(kysely|pg)/' },
    },
    {
      name: 'services-know-no-http',
      severity: 'error',
      from: { path: '^packages/server/src/modules/.*(service|queries)\\.ts$' },
      to: { path: '^node_modules/(fastify|@fastify)/' },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['rempart-source', 'import', 'types', 'node', 'default'],
    },
  },
}
