import type { RedisConnection } from './client.ts'

/**
 * Says what of a server's configuration lets counters be forgotten or keeps the store from counting.
 *
 * Under any policy but `noeviction` a server that is full drops keys, and a counter that is dropped is a
 * client let in again: every counter has an expiry, so the `volatile-` policies drop them like the
 * others. Under `noeviction` it refuses to count, and each rule's `onStoreFailure` says what then holds.
 */
export async function inspectRedis(connection: RedisConnection): Promise<readonly string[]> {
  const reports = await connection.broadcast('INFO', [])
  const texts = (Array.isArray(reports) ? reports : [reports]).map(String)
  return [...new Set(texts.flatMap((text) => findings(readInfo(text), connection.sharded)))]
}

const OLDEST_MAJOR = 7

function findings(info: ReadonlyMap<string, string>, sharded: boolean): readonly string[] {
  const found: string[] = []
  const policy = info.get('maxmemory_policy')
  const isBounded = (info.get('maxmemory') ?? '0') !== '0'
  if (policy !== undefined && policy !== 'noeviction' && isBounded) {
    found.push(`maxmemory-policy is ${policy}: when the memory is full, counters are forgotten. Set it to noeviction`)
  }
  const version = info.get('valkey_version') ?? info.get('redis_version') ?? ''
  if (Number.parseInt(version, 10) < OLDEST_MAJOR) found.push(`version ${version} is older than ${OLDEST_MAJOR}`)
  if (info.get('role') === 'slave') found.push('the server is a replica: it cannot count')
  if (info.get('cluster_enabled') === '1' && !sharded) {
    found.push('the server is part of a cluster, and the client is not one for clusters')
  }
  return found
}

function readInfo(text: string): ReadonlyMap<string, string> {
  const lines = text.split(/\r?\n/).map((line) => line.split(':', 2))
  return new Map(lines.flatMap(([name, value]) => (name === undefined || value === undefined ? [] : [[name, value]])))
}
