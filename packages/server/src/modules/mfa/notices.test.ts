import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, type TestPerson } from '../../testing/people.ts'
import { challengeOver, enrolOver, nextCode, postTo } from '../../testing/second-factors.ts'
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

const mailsTo = async ({ id }: TestPerson): Promise<readonly unknown[]> =>
  (await asTenant(server, 'select template from mail_outbox where user_id = $1 order by id', [id])).map(
    ({ template }) => template,
  )

it('tells a person by mail of every change of their second factor, and of nothing that was refused', async () => {
  const person = await createPerson(server)
  const { secret, accessToken } = await enrolOver(server, person)
  expect(await mailsTo(person)).toEqual(['mfa-changed'])
  await postTo(server, '/mfa/recovery/regenerate', undefined, bearer(accessToken))
  expect(await mailsTo(person)).toEqual(['mfa-changed', 'mfa-changed'])
  await postTo(server, '/mfa/disable', { recoveryCode: '00000-00000-00000-00000-000' }, bearer(accessToken))
  expect(await mailsTo(person)).toHaveLength(2)
  await postTo(server, '/mfa/disable', { code: nextCode(server, secret) }, bearer(accessToken))
  expect(await mailsTo(person)).toHaveLength(3)
})

it('tells a person of each recovery code that was used, and when few are left', async () => {
  const person = await createPerson(server)
  const { recoveryCodes } = await enrolOver(server, person)
  await asTenant(
    server,
    `update mfa_recovery_code set used_at = now() where user_id = $1 and code_hash in
       (select code_hash from mfa_recovery_code where user_id = $1 and code_hash <> sha256($2) and code_hash <> sha256($3) limit 5)`,
    [person.id, ...recoveryCodes.slice(0, 2).map((code) => Buffer.from(code.replaceAll('-', '')))],
  )
  const use = async (recovery_code: string | undefined) =>
    postTo(server, '/auth/login/mfa', { mfa_session_token: await challengeOver(server, person), recovery_code })
  await use(recoveryCodes[0])
  const ofTheFactor = async () => (await mailsTo(person)).filter((template) => template !== 'new-device')
  expect(await ofTheFactor()).toEqual(['mfa-changed', 'mfa-changed'])
  await use(recoveryCodes[1])
  expect(await ofTheFactor()).toEqual(['mfa-changed', 'mfa-changed', 'mfa-changed', 'recovery-codes-low'])
})
