import { rm } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { findCluster, SYSTEM_DIRECTORY } from './embedded-place.ts'
import { hashOf } from './embedded-socket.ts'

/**
 * Removes the embedded database of a data directory for good, wherever it is kept, with its log and its socket.
 * The rest of the directory stays. The database must be stopped.
 */
export async function removeEmbeddedDatabase(dataDir: string): Promise<void> {
  const { dataDir: real, cluster } = await findCluster(dataDir)
  const isElsewhere = !relative(SYSTEM_DIRECTORY, cluster).startsWith('..')
  const doomed = [
    isElsewhere ? dirname(cluster) : cluster,
    ...['postgres', 'postgres.log', 'postgres.log.1', 'socket'].map((name) => join(real, name)),
    `/tmp/rempart-${hashOf(real)}`,
  ]
  for (const path of doomed) await rm(path, { recursive: true, force: true, maxRetries: 10 })
}
