import { exportLine } from '../../core/audit/export-lines.ts'
import { createHeadSigner } from '../../core/audit/heads.ts'
import type { Context } from '../../core/context.ts'
import type { VerifyingKey } from '../../core/credentials/master-signer.ts'
import { loadMasters } from '../../core/secrets.ts'
import * as queries from './queries.ts'
import { chainEntryOf, signedHeadOf } from './rows.ts'

const batchSize = 500

/** What signs heads in this installation; none where the command line was not given its secret. */
export async function auditHeadKeys(config: {
  readonly secretKey: string | undefined
  readonly previousSecretKeys: readonly string[]
  readonly embedded: boolean
  readonly dataDir: string
}): Promise<readonly VerifyingKey[]> {
  if (config.secretKey === undefined && !config.embedded) return []
  return createHeadSigner(await loadMasters(config)).keys
}

/**
 * The whole log as it was when this began, as lines that can be verified without the database: see `verifyExport`.
 * Sealed values stay sealed. Each batch is read in a short transaction of its own.
 *
 * @param keys - what signs heads here; none where that is not known.
 */
export async function* exportAudit(context: Context, keys: readonly VerifyingKey[]): AsyncGenerator<string> {
  const { tenant } = context
  // The head first: one that is signed while the entries are counted is of an entry that this export does not have.
  const { lastHead, upTo } = await context.inTenant(async (tx) => ({
    lastHead: (await queries.findLastHead(tx, tenant.id))?.seq ?? 0,
    upTo: await queries.findLastSeq(tx, tenant.id),
  }))
  yield exportLine({
    type: 'header',
    format: 'rempart-audit/1',
    tenantId: tenant.id,
    tenantSlug: tenant.slug,
    exportedAt: new Date(context.clock.now()).toISOString(),
    keys,
  })
  let after = 0
  let headsAfter = 0
  let heads = 0
  while (true) {
    const read = await context.inTenant(async (tx) => ({
      rows: await queries.readChain(tx, tenant.id, { after, upTo, limit: batchSize }),
      heads: await queries.readHeads(tx, tenant.id, { after: headsAfter, upTo: lastHead, limit: batchSize }),
    }))
    // Heads go first, and so does one of entries that are gone: what is missing shows.
    const text = [
      ...read.heads.map((row) => exportLine({ type: 'head', ...signedHeadOf(row) })),
      ...read.rows.map((row) => exportLine({ type: 'entry', ...chainEntryOf(row) })),
    ]
    heads += read.heads.length
    after = read.rows.at(-1)?.seq ?? after
    headsAfter = read.heads.at(-1)?.seq ?? headsAfter
    if (text.length === 0) break
    yield text.join('')
  }
  yield exportLine({ type: 'end', entries: after, heads })
}
