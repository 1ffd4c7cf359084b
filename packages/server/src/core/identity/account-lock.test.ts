import type { PoolClient } from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { addPasskeyOver, challengeForSignIn, showPasskeyOver } from '../../testing/passkeys.ts'
import { bearer, createPerson, signInOver, type TestPerson } from '../../testing/people.ts'
import { challengeOver, enrolOver, nextCode, postTo } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database, {
    policyFile: { version: 1, policies: { 'auth.login': { mode: 'shadow' } } },
  })
})
afterAll(async () => {
  await server.close()
  await database.close()
})

/** Somebody with an app and a passkey who has said that both are lost. */
async function lostFactors({ isDue }: { readonly isDue: boolean }) {
  const person = await createPerson(server)
  const { secret, accessToken } = await enrolOver(server, person)
  const { authenticator } = await addPasskeyOver(server, accessToken)
  await asTenant(
    server,
    `insert into one_time_token (tenant_id, token_hash, purpose, user_id, data, expires_at)
     values ($1, sha256(convert_to($2::text, 'UTF8')), 'reset-mfa-wait', $2::uuid, jsonb_build_object('dueAt', $3::bigint), now() + interval '7 days')`,
    [server.tenant.id, person.id, server.clock.nowMs + (isDue ? -1 : 3_600_000)],
  )
  return { person, secret, authenticator }
}

const login = ({ email, password }: TestPerson) => postTo(server, '/auth/login', { email, password })
const factorsOf = ({ id }: TestPerson) =>
  asTenant(
    server,
    `select (select count(*)::int from mfa_secret where user_id = $1) as apps,
            (select count(*)::int from webauthn_credential where user_id = $1) as passkeys`,
    [id],
  )

/** Holds rows that somebody is to wait for. */
async function hold(text: string, values: readonly unknown[]) {
  const connection = await database.worker.connect()
  onTestFinished(() => connection.release(true))
  await connection.query('begin')
  await connection.query("select set_config('rempart.tenant_id', $1, true)", [server.tenant.id])
  const held = await connection.query(`${text} for update`, [...values])
  expect(held.rowCount).toBe(1)
  return {
    untilWanted: (by: number) => vi.waitFor(async () => expect(await waitersOf(connection)).toBe(by), 10_000),
    letGo: () => connection.query('rollback'),
  }
}

/** How many wait for a connection, or for who waits for it. */
async function waitersOf(connection: PoolClient): Promise<number> {
  const { rows } = await connection.query<{ count: number }>(
    `with recursive blocked as (
       select distinct l.pid, pg_blocking_pids(l.pid) as by from pg_locks l where not l.granted
     ), waiting (pid) as (
       select pg_backend_pid() union select b.pid from blocked b join waiting w on w.pid = any (b.by)
     )
     select count(*)::int - 1 as count from waiting`,
  )
  return rows[0]?.count ?? 0
}

describe('a sign-in with a passkey and one that gives the lost passkey up', () => {
  it('take their turns: the one that has begun to give it up comes first', async () => {
    const { person, authenticator } = await lostFactors({ isDue: true })
    const wait = await hold(`select from one_time_token where user_id = $1 and purpose = 'reset-mfa-wait'`, [person.id])
    const givingUp = login(person)
    await wait.untilWanted(1)
    const options = await challengeForSignIn(server)
    const showing = postTo(server, '/passkeys/authentication', { credential: authenticator.show(options) })
    await wait.untilWanted(2)
    await wait.letGo()
    expect((await givingUp).json()).toMatchObject({ mfa_required: false })
    expect((await showing).json()).toMatchObject({ status: 401, code: 'passkey-refused' })
    expect(await factorsOf(person)).toEqual([{ apps: 0, passkeys: 0 }])
  })

  it('take their turns: the one that shows it first keeps it', async () => {
    const { person, authenticator } = await lostFactors({ isDue: true })
    const wait = await hold(`select from one_time_token where user_id = $1 and purpose = 'reset-mfa-wait'`, [person.id])
    const options = await challengeForSignIn(server)
    const showing = postTo(server, '/passkeys/authentication', { credential: authenticator.show(options) })
    await wait.untilWanted(1)
    const givingUp = login(person)
    await wait.untilWanted(2)
    await wait.letGo()
    expect((await showing).statusCode).toBe(200)
    expect((await givingUp).json()).toMatchObject({ mfa_required: true })
    expect(await factorsOf(person)).toEqual([{ apps: 1, passkeys: 1 }])
  })

  it('never wait for each other, whenever they come', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { person, authenticator } = await lostFactors({ isDue: true })
      const options = await Promise.all([1, 2].map(() => challengeForSignIn(server)))
      const shown = options.map((each) => ({ credential: authenticator.show(each) }))
      const answers = await Promise.all([
        ...shown.map((body) => postTo(server, '/passkeys/authentication', body)),
        ...[1, 2].map(() => login(person)),
      ])
      for (const { statusCode, body } of answers) expect([200, 401], body).toContain(statusCode)
    }
    expect(server.logLines.join('')).not.toMatch(/40P01|deadlock/)
  })
})

it('a sign-in with a passkey and one with a code, which both call a reset off, take their turns', async () => {
  const { person, secret, authenticator } = await lostFactors({ isDue: false })
  const challenge = await challengeOver(server, person)
  const options = await challengeForSignIn(server)
  const account = await hold('select from user_account where id = $1', [person.id])
  const showing = postTo(server, '/passkeys/authentication', { credential: authenticator.show(options) })
  await account.untilWanted(1)
  const code = nextCode(server, secret)
  const typing = postTo(server, '/auth/login/mfa', { mfa_session_token: challenge, code })
  await account.untilWanted(2)
  await account.letGo()
  expect((await typing).statusCode).toBe(200)
  expect((await showing).statusCode).toBe(200)
  expect((await showPasskeyOver(server, authenticator)).statusCode).toBe(200)
})

it.each([
  ['/password-reset/request', ({ email }: TestPerson) => ({ email })],
  ['/auth/register', ({ email }: TestPerson) => ({ email, password: 'nine amber anchors' })],
] as const)('an erasure that waits for its account holds up nobody who asks for a mail by %s', async (url, bodyFor) => {
  const person = await createPerson(server)
  const { accessToken } = await signInOver(server, person)
  const ask = () => postTo(server, url, bodyFor(person))
  expect((await ask()).statusCode).toBe(202)
  const account = await hold('select from user_account where id = $1', [person.id])
  const headers = { ...bearer(accessToken) }
  const erasing = server.app.inject({ method: 'DELETE', url: '/api/v1/gdpr/delete', headers })
  await account.untilWanted(1)
  // It is looked up by the sender whose the address is.
  expect((await ask()).statusCode).toBe(202)
  await account.untilWanted(1)
  await account.letGo()
  expect((await erasing).statusCode).toBe(200)
})
