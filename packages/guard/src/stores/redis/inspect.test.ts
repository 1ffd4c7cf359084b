import { describe, expect, it } from 'vitest'
import { inspectRedis } from './inspect.ts'

const healthy = {
  redis_version: '7.2.4',
  role: 'master',
  maxmemory: '0',
  maxmemory_policy: 'noeviction',
  cluster_enabled: '0',
}

const infoOf = (fields: Readonly<Record<string, string>>): string =>
  `# Server\r\n${Object.entries({ ...healthy, ...fields })
    .map(([name, value]) => `${name}:${value}`)
    .join('\r\n')}\r\n\r\n# Keyspace\r\ndb0:keys=1,expires=1`

async function findingsOf(reply: unknown, sharded = false): Promise<readonly string[]> {
  const asked: unknown[] = []
  const connection = {
    sharded,
    send: () => Promise.reject(new Error('every server is asked')),
    broadcast: async (...args: unknown[]) => {
      asked.push(args)
      return reply
    },
  }
  const found = await inspectRedis(connection)
  expect(asked).toEqual([['INFO', []]])
  return found
}

describe('what of a server’s configuration lets counters be forgotten', () => {
  it('is nothing for a server that is well, alone or of many', async () => {
    expect(await findingsOf(infoOf({}))).toEqual([])
    expect(await findingsOf([infoOf({}), infoOf({ valkey_version: '8.0.1' })])).toEqual([])
    expect(await findingsOf(infoOf({ cluster_enabled: '1' }), true)).toEqual([])
  })

  it('is that it drops keys when it is full: with a bound, and under any policy but one', async () => {
    expect(await findingsOf(infoOf({ maxmemory: '1000', maxmemory_policy: 'volatile-ttl' }))).toEqual([
      'maxmemory-policy is volatile-ttl: when the memory is full, counters are forgotten. Set it to noeviction',
    ])
    expect(await findingsOf(infoOf({ maxmemory_policy: 'allkeys-lru' }))).toEqual([])
    expect(await findingsOf(infoOf({ maxmemory: '1000' }))).toEqual([])
    expect(await findingsOf('maxmemory_policy:allkeys-lru\nredis_version:7.0.0\n')).toEqual([])
    expect(await findingsOf('maxmemory:1000\nredis_version:7.0.0\n')).toEqual([])
  })

  it('is a version before 7, by the name of either make', async () => {
    expect(await findingsOf(infoOf({ redis_version: '6.2.14' }))).toEqual(['version 6.2.14 is older than 7'])
    expect(await findingsOf(infoOf({ redis_version: '7.0.0' }))).toEqual([])
    expect(await findingsOf(infoOf({ redis_version: '6.2.0', valkey_version: '7.2.5' }))).toEqual([])
    expect(await findingsOf(infoOf({ redis_version: '10.0.0' }))).toEqual([])
  })

  it('is that it is a replica, or part of a cluster to a client that does not know', async () => {
    expect(await findingsOf(infoOf({ role: 'slave' }))).toEqual(['the server is a replica: it cannot count'])
    expect(await findingsOf(infoOf({ cluster_enabled: '1' }))).toEqual([
      'the server is part of a cluster, and the client is not one for clusters',
    ])
  })

  it('is told once, whichever of the servers it is true of', async () => {
    const replica = infoOf({ role: 'slave' })
    expect(await findingsOf([infoOf({}), replica, replica])).toEqual(['the server is a replica: it cannot count'])
  })
})
