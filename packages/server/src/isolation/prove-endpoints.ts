import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMemoryStore } from '@rempart/guard'
import { loadConfig } from '../config.ts'
import { scopes } from '../core/access/access.ts'
import { createPasswordHasher } from '../core/credentials/password-hasher.ts'
import type { App } from '../core/fastify.ts'
import { insertBuiltinRoles } from '../core/identity/builtin-roles.ts'
import { assignRole, insertUser } from '../core/identity/new-user.ts'
import { createLogger } from '../core/logging/logging.ts'
import { createMetrics } from '../core/metrics/metrics.ts'
import { createTenantResolver } from '../core/tenant/resolver.ts'
import { removeEmbeddedDatabase } from '../database/embedded-remove.ts'
import { type OpenDatabase, openDatabase } from '../database/open.ts'
import { inTenant } from '../database/tenant.ts'
import { createApiKey } from '../modules/api-keys/service.ts'
import { buildServer } from '../server.ts'
import { attackEndpoints, type Call, type EndpointCell, type Holder } from './endpoint-matrix.ts'
import { seedTwoTenants } from './table-matrix.ts'

/**
 * Attacks every operation of the API of this release that takes an id, as an API key of every scope and as an owner who
 * is signed in.
 *
 * The server is this one, called without a port; its database is a throw-away PostgreSQL of its own, because what the API
 * does leaves entries in an audit log that nothing can take away again.
 *
 * @param signal - ends the attacks early.
 * @throws EmbeddedDatabaseError where no embedded PostgreSQL runs, or the signal's reason.
 */
export async function proveEndpoints(signal?: AbortSignal): Promise<readonly EndpointCell[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'rempart-proof-'))
  const config = loadConfig({
    REMPART_DATA_DIR: dataDir,
    REMPART_SECRET_KEY: randomBytes(48).toString('base64'),
    REMPART_PASSWORD_CHECK_HIBP: 'off',
  })
  try {
    const database = await openDatabase(config, { log: () => {} })
    try {
      return await attackServer(database, config, signal)
    } finally {
      await database.close()
    }
  } finally {
    await removeEmbeddedDatabase(dataDir)
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function attackServer(
  database: OpenDatabase,
  config: ReturnType<typeof loadConfig>,
  signal: AbortSignal | undefined,
): Promise<readonly EndpointCell[]> {
  const metrics = createMetrics({ isProcessIncluded: false })
  const startMs = Date.now()
  const app = await buildServer({
    config,
    secretKey: config.secretKey ?? '',
    pool: database.app,
    tenants: createTenantResolver(database.app),
    store: createMemoryStore({ budgetBytes: 4_194_304 }),
    // The limit on everything is by client and for all routes together: it would end the attacks, and say nothing.
    policyFile: { version: 1, policies: { general: { rules: { burst: 'off' } } } },
    metrics,
    log: createLogger({ level: 'fatal', destination: { write: () => {} } }),
    // One instant for all calls: what an answer says of the time must not tell two of them apart.
    clock: { now: () => startMs },
    nowMs: () => startMs,
    version: '0.0.0-proof',
    isStopping: () => false,
  })
  try {
    const call = callOf(app, signal)
    const [mine, theirs] = await seedTwoTenants(database.worker)
    const document = JSON.parse((await call({ method: 'GET', url: '/api/v1/openapi.json', headers: {} })).body)
    const cells: EndpointCell[] = []
    for (const holder of [await keyHolder(database, mine), await ownerOf(database, mine, call)]) {
      cells.push(...(await attackEndpoints(call, document, holder, theirs)))
    }
    return cells
  } finally {
    await app.close()
    metrics.close()
  }
}

/** Calls the server as if over a connection, each time from an address that no other call has had. */
function callOf(app: App, signal: AbortSignal | undefined): Call {
  let last = 0
  return async ({ method, url, headers, payload }) => {
    signal?.throwIfAborted()
    last += 1
    const answer = await app.inject({
      // Of the OpenAPI document, which has no other methods than these.
      method: method as 'GET',
      url,
      headers,
      remoteAddress: `10.${(last >> 16) & 255}.${(last >> 8) & 255}.${last & 255}`,
      ...(payload && { payload }),
    })
    return { status: answer.statusCode, headers: answer.headers, body: answer.body }
  }
}

async function keyHolder({ worker }: OpenDatabase, tenantId: string): Promise<Holder> {
  const { token } = await createApiKey(worker, tenantId, { name: 'Proof of isolation', scopes })
  return { name: 'api-key', tenantId, headers: { 'x-tenant-id': tenantId, 'x-api-key': token } }
}

async function ownerOf({ worker }: OpenDatabase, tenantId: string, call: Call): Promise<Holder> {
  const email = 'owner@example.org'
  const password = randomBytes(24).toString('base64url')
  const passwordHash = await createPasswordHasher().hash(password)
  await inTenant(worker, tenantId, async (tx) => {
    await insertBuiltinRoles(tx, tenantId)
    const userId = await insertUser(tx, { tenantId, email, locale: 'en', passwordHash, emailVerifiedAt: new Date() })
    await assignRole(tx, { tenantId, userId: userId ?? '', roleCode: 'owner', grantedBy: 'operator:cli' })
  })
  const named = { 'x-tenant-id': tenantId }
  const answer = await call({ method: 'POST', url: '/api/v1/auth/login', headers: named, payload: { email, password } })
  if (answer.status !== 200) throw new Error(`the owner of the proof could not sign in: ${answer.status}`)
  const { access_token: token } = JSON.parse(answer.body)
  return { name: 'owner', tenantId, headers: { ...named, authorization: `Bearer ${token}` } }
}
