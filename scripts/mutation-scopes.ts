const guard = 'packages/guard/src'

/** What is mutated together, and the tests that may notice. */
interface MutationScope {
  readonly mutate: readonly string[]
  readonly tests: readonly string[]
  /** Tells the tests where PostgreSQL is. */
  readonly globalSetup?: string
}

/** Every scope, by the name that `npm run mutation` takes. Lua and SQL texts are left out: a mutant only deletes them. */
export const mutationScopes: Readonly<Record<string, MutationScope>> = {
  rules: {
    mutate: [`${guard}/rules/*.ts`],
    tests: [`${guard}/rules/*.test.ts`, `${guard}/{decide,policy,guard}.test.ts`],
  },
  // What the memory store is made of: each with the tests beside it alone, which are quick.
  tables: {
    mutate: [`${guard}/stores/{keyed-hash,canonical-key,memory/steady-clock,memory/tables/*}.ts`],
    tests: [`${guard}/stores/{keyed-hash,canonical-key,memory/steady-clock,memory/tables/*}.test.ts`],
  },
  memory: {
    mutate: [`${guard}/stores/memory{,/*}.ts`, `!${guard}/stores/memory/steady-clock.ts`],
    // The floods of hundreds of thousands are left out: what is beside them presses as hard on a smaller store.
    tests: [`${guard}/stores/memory{,/*}.test.ts`, `!${guard}/stores/memory/{flood,steady-clock}.test.ts`],
  },
  // What the Redis store is made of: each with the tests beside it alone, which need no server.
  'redis-parts': {
    mutate: [`${guard}/stores/redis/*.ts`, `!${guard}/stores/redis/{lua,across}.ts`],
    tests: [`${guard}/stores/redis/*.test.ts`, `!${guard}/stores/redis/{across,cluster,store,time}.test.ts`],
  },
  redis: {
    mutate: [`${guard}/stores/redis{,/across}.ts`],
    // What waits for seconds or sends thousands of requests is left out: it is the program's in Lua to notice.
    tests: [`${guard}/stores/redis/{store,across}.test.ts`],
  },
  postgres: {
    mutate: [`${guard}/stores/postgres{,/*}.ts`, `!${guard}/stores/postgres/schema.ts`],
    tests: [`${guard}/stores/postgres{,/*}.test.ts`],
    globalSetup: 'scripts/mutation-database.ts',
  },
}
