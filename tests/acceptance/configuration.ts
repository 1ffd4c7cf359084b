import { ConfigError, loadConfig } from '../../packages/server/src/config.ts'

/** What a server in production has to be told at least. */
export const production = {
  NODE_ENV: 'production',
  REMPART_PUBLIC_URL: 'https://app.example.org',
  REMPART_SECRET_KEY: 'Zk3vQm8xT1pLr6wYb9cN4hJd7sGf2aKe5uXo0iVtRqM=',
}

/** Every fault of a configuration, or none. */
export function faultsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    loadConfig(environment)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}
