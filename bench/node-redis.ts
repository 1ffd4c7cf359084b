import { createClient } from 'redis'

/** A connected client of node-redis, with its own settings. */
export async function connectNodeRedis(url: string) {
  const client = createClient({ url })
  client.on('error', () => undefined)
  await client.connect()
  return client
}
