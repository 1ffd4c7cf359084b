import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lockOwners } from '../../core/identity/owners.ts'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let database: TestDatabase
/** Two processes' worth of server over one database. */
let servers: readonly [TestServer, TestServer]
beforeAll(async () => {
  database = await createTestDatabase()
  servers = [await startTestServer(database), await startTestServer(database)]
})
afterAll(async () => {
  for (const server of servers) await server.close()
  await database.close()
})

type Act = (owner: { id: string; roleId: string }) => {
  method: 'POST' | 'DELETE'
  url: string
  payload?: object
}

const acts: readonly (readonly [string, Act])[] = [
  ['deactivation', ({ id }) => ({ method: 'POST', url: `/users/${id}/deactivate` })],
  ['deletion', ({ id }) => ({ method: 'DELETE', url: `/users/${id}` })],
  ['removal of the role', ({ id, roleId }) => ({ method: 'DELETE', url: `/users/${id}/roles/${roleId}` })],
  [
    'an end to the role',
    ({ id, roleId }) => ({
      method: 'POST',
      url: `/users/${id}/roles`,
      payload: { roleId, expiresAt: new Date(Date.now() + 3_600_000).toISOString() },
    }),
  ],
]

/** A tenant with this many owners, each signed in. */
async function owners(count: number) {
  const [server] = servers
  const tenant = await server.createTenant()
  const roleId = (
    await inTenant(database.worker, tenant.id, (tx) =>
      tx.selectFrom('role').select('id').where('code', '=', 'owner').executeTakeFirstOrThrow(),
    )
  ).id
  const people = []
  for (let made = 0; made < count; made += 1) {
    const person = await createPerson(server, { tenantId: tenant.id, roles: ['owner'] })
    const { accessToken } = await signInOver(server, person, { headers: { 'x-tenant-id': tenant.id } })
    people.push({ id: person.id, roleId, headers: bearer(accessToken) })
  }
  return { tenantId: tenant.id, people }
}

const left = (tenantId: string) => inTenant(database.worker, tenantId, (tx) => lockOwners(tx, tenantId))

const run = (
  server: TestServer,
  { method, url, payload }: ReturnType<Act>,
  headers: Readonly<Record<string, string>>,
) =>
  server.app.inject({
    method,
    url: `/api/v1${url}`,
    headers: { ...headers },
    remoteAddress: nextAddress(),
    ...(payload && { payload }),
  })

describe.each(acts)('the last owner, against %s (class 38)', (_name, act) => {
  it('stays, even by their own hand', async () => {
    const { tenantId, people } = await owners(1)
    const [only] = people
    if (only === undefined) throw new Error('nobody')
    const answer = await run(servers[0], act(only), only.headers)
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'last-owner'])
    expect(await left(tenantId)).toEqual([only.id])
  })

  it('stays when their id is written in capitals', async () => {
    const { tenantId, people } = await owners(1)
    const [only] = people
    if (only === undefined) throw new Error('nobody')
    const capitals = act({ id: only.id.toUpperCase(), roleId: only.roleId.toUpperCase() })
    const answer = await run(servers[0], capitals, only.headers)
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'last-owner'])
    expect(await left(tenantId)).toEqual([only.id])
  })

  it('stays when two remove each other at the same time, in two processes', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { tenantId, people } = await owners(2)
      const [one, other] = people
      if (one === undefined || other === undefined) throw new Error('nobody')
      const answers = await Promise.all([
        run(servers[0], act(other), one.headers),
        run(servers[1], act(one), other.headers),
      ])
      const refused = answers.filter(({ statusCode }) => statusCode >= 400)
      expect(refused).toHaveLength(1)
      // Too late to be somebody, to hold anything, or to be one of two.
      expect([401, 403, 409]).toContain(refused[0]?.statusCode)
      expect(await left(tenantId)).toHaveLength(1)
    }
  })
})

it('an owner who cannot sign in, or for a time only, does not count as another one (class 38)', async () => {
  const { tenantId, people } = await owners(1)
  const [only] = people
  if (only === undefined) throw new Error('nobody')
  await createPerson(servers[0], { tenantId, roles: ['owner'], isVerified: false })
  const passing = await createPerson(servers[0], { tenantId, roles: ['owner'] })
  await inTenant(database.worker, tenantId, (tx) =>
    tx
      .updateTable('role_assignment')
      .set({ expires_at: new Date(Date.now() + 60_000) })
      .where('user_id', '=', passing.id)
      .execute(),
  )
  for (const [, act] of acts) {
    expect((await run(servers[0], act(only), only.headers)).json().code).toBe('last-owner')
  }
})
