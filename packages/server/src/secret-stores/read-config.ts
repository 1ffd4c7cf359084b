import { type Config, ConfigError, type Environment, environmentWithFile, loadConfig, settings } from '../config.ts'
import type { OutboundOptions } from '../core/outbound/outbound.ts'
import { openSecretStore } from './open.ts'
import { type SecretStore, SecretStoreError } from './store.ts'

/** Settings by which a store is found: they cannot lie in it. */
const ofStores = /^REMPART_(SECRET_STORE|VAULT_|AWS_|INFISICAL_)/

export interface ReadConfigOptions {
  /** Default: the process environment over a `.env` file. */
  readonly environment?: Environment
  /** How patiently the store is asked; each try has 10 seconds. */
  readonly patience?: Pick<OutboundOptions, 'firstWaitMs' | 'timeoutMs'>
}

/**
 * Reads the configuration as {@link loadConfig} does, and what it lacks from the secret store that it names. What the
 * environment says goes before what the store says.
 *
 * @throws ConfigError with every fault; SecretStoreError when the store cannot be read.
 */
export async function readConfig({
  environment = environmentWithFile(),
  patience,
}: ReadConfigOptions = {}): Promise<Config> {
  const store = openSecretStore(environment)
  if (store === undefined) return loadConfig(environment)
  const kept = await readStore(store, patience)
  const names = new Map(Object.values(settings).map((each) => [each.name, each] as const))
  const faults = [...kept.keys()]
    .filter((name) => name.startsWith('REMPART_'))
    .flatMap((name) => {
      if (ofStores.test(name)) return [`${name} is in the secret store, and it takes it to find the store: move it`]
      return names.has(name) ? [] : [`${name}, in the secret store, is not a setting of this version`]
    })
  if (faults.length > 0) throw new ConfigError(faults)
  const lacking = [...kept].filter(([name]) => names.has(name) && !environment[name] && !environment[`${name}_FILE`])
  return loadConfig({ ...environment, ...Object.fromEntries(lacking) })
}

async function readStore(store: SecretStore, patience: ReadConfigOptions['patience']) {
  // Most settings come from no store, and most commands call nobody.
  const { createOutbounds } = await import('../core/outbound/outbound.ts')
  const outbound = createOutbounds()({ service: 'secret-store', timeoutMs: 10_000, ...patience })
  try {
    return await outbound.call((signal) => store.readAll(signal))
  } catch (error) {
    throw new SecretStoreError(`REMPART_SECRET_STORE: ${store.place} ${saidOf(error)}`)
  }
}

/** Our own messages are safe; those of a connection that failed are told by their code. */
function saidOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (typeof code === 'string') return `cannot be reached (${code})`
  return error instanceof TypeError || !(error instanceof Error) ? 'cannot be reached' : error.message
}
