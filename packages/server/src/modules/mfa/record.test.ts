import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson } from '../../testing/people.ts'
import { challengeOver, enrolOver, nextCode, postTo, wrongCode } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
})
afterAll(async () => {
  await server.close()
  await database.close()
})

it('leaves an entry in the audit log of every change, every session and every code that was refused a sign-in', async () => {
  const person = await createPerson(server, { roles: ['owner'] })
  const { secret, accessToken, recoveryCodes } = await enrolOver(server, person)
  const mfa_session_token = await challengeOver(server, person)
  const wrong = wrongCode(server, secret)
  await postTo(server, '/auth/login/mfa', { mfa_session_token, code: wrong })
  await postTo(server, '/auth/login/mfa', { mfa_session_token, code: nextCode(server, secret) })
  const body = { password: person.password, code: nextCode(server, secret) }
  const stepped = (await postTo(server, '/auth/step-up', body, bearer(accessToken))).json()
  const { access_token } = (
    await postTo(server, '/mfa/recovery/verify', { recoveryCode: recoveryCodes[0] }, bearer(stepped.access_token))
  ).json()
  await postTo(server, '/mfa/recovery/regenerate', undefined, bearer(access_token))
  await server.app.inject({
    method: 'PUT',
    url: '/api/v1/tenant/settings/mfa',
    headers: bearer(access_token),
    payload: { required: false },
  })
  await postTo(server, '/mfa/disable', { code: nextCode(server, secret) }, bearer(access_token))

  const entries = await asTenant(server, 'select * from audit_event order by seq')
  expect(entries.map(({ action, outcome }) => `${String(action)} ${String(outcome)}`)).toEqual([
    'session.opened done',
    'mfa.enabled done',
    'session.refused refused',
    'session.opened done',
    'session.renewed done',
    'session.renewed done',
    'mfa.recovery-codes-renewed done',
    'mfa.requirement-changed done',
    'mfa.disabled done',
  ])
  expect(entries.every(({ actor_kind, actor_id }) => actor_kind === 'user' && actor_id === person.id)).toBe(true)
  const text = JSON.stringify(entries)
  for (const given of [secret, ...recoveryCodes, mfa_session_token]) expect(text).not.toContain(given)
})
