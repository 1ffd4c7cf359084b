import type { Logger } from 'pino'
import { ConfigError, type Environment, environmentWithFile, readSomeSettings, settings } from './config.ts'
import { deriveKey, keyLabels, mastersOf, secretStrengthFault } from './core/secrets.ts'
import { type OpenRedisStore, openRedisGuardStore } from './redis-guard-store.ts'
import type { RedisTarget } from './redis-url.ts'

const settingsOfStore = { redisUrl: settings.redisUrl, secretKey: settings.secretKey }

/**
 * The counters that gateways share in a Redis. They are apart from those of a server of the same secret: a request that
 * passes both is counted by each.
 *
 * @param url - The Redis; absent: the one that `REMPART_REDIS_URL` names.
 * @throws ConfigError without a Redis, or without `REMPART_SECRET_KEY`, by which gateways know each other's counters; Error
 * when Redis refuses the credentials.
 */
export async function openGatewayStore(
  url: RedisTarget | undefined,
  log: Logger,
  environment: Environment = environmentWithFile(),
): Promise<OpenRedisStore> {
  const { values, faults } = readSomeSettings(environment, settingsOfStore)
  const target = url ?? values.redisUrl
  const { secretKey } = values
  const weakness = secretKey === undefined ? undefined : secretStrengthFault(secretKey)
  if (target === undefined) faults.push('REMPART_REDIS_URL is required with --redis, unless it is given there')
  if (secretKey === undefined) {
    faults.push(
      'REMPART_SECRET_KEY is required with --redis, the same for every gateway: 32 random bytes or more (openssl rand -base64 48)',
    )
  }
  if (weakness !== undefined) faults.push(`REMPART_SECRET_KEY ${weakness}`)
  if (target === undefined || secretKey === undefined || faults.length > 0) throw new ConfigError(faults)
  const secret = deriveKey(mastersOf(secretKey).current, keyLabels.gatewayStore)
  return await openRedisGuardStore(target, { secret, metrics: { watchSharedStore: () => {} }, log })
}
