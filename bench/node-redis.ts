import { createClient, createCluster } from 'redis'

/** A connected client of node-redis, with its own settings. */
export async function connectNodeRedis(url: string) {
  const client = createClient({ url })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** The same of a cluster, found through these of its servers. */
export async function connectNodeRedisCluster(urls: readonly string[]) {
  const cluster = createCluster({ rootNodes: urls.map((url) => ({ url })) })
  cluster.on('error', () => undefined)
  await cluster.connect()
  return cluster
}
