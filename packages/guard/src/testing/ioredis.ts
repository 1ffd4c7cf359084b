import { once } from 'node:events'
import { Redis } from 'ioredis'

/**
 * A connected client, of the settings that a library's user gets who gives none: it queues while there is
 * no connection, and sends again what had no answer.
 */
export async function connectIoredis(url: string, user: { username?: string; password?: string } = {}): Promise<Redis> {
  const client = new Redis(url, user)
  client.on('error', () => undefined)
  await once(client, 'ready')
  return client
}
