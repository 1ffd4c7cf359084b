import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { carrierTo, mailKeys, startTestSender, type TestSender, token } from '../../testing/mail.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { type SmtpSink, startSmtpSink } from '../../testing/smtp-sink.ts'
import { createMailQueue } from './outbox.ts'

let database: TestDatabase
let server: TestServer
let sink: SmtpSink
let sender: TestSender
beforeAll(async () => {
  database = await createTestDatabase()
  sink = await startSmtpSink()
  const { queueMail } = createMailQueue(mailKeys)
  server = await startTestServer(database, {
    environment: {
      REMPART_PUBLIC_URL: 'https://app.example.org',
      REMPART_TRUSTED_HOSTS: '*',
      REMPART_TRUSTED_PROXIES: '127.0.0.1',
    },
    ownRoutes(api) {
      api.post('/forgot', { config: { access: 'public', undocumented: 'of a test' } }, async ({ context }) => {
        const to = { address: `p${Math.random().toString(36).slice(2)}@example.org` }
        await context.inTenant((tx) => queueMail(tx, { template: 'reset-password', to, data: { token, minutes: 30 } }))
        return {}
      })
    },
  })
  sender = startTestSender(database, { carrier: carrierTo(sink.port), publicUrl: 'https://app.example.org' })
})
afterAll(async () => {
  await sender.stop()
  await sink.close()
  await server.close()
  await database.close()
})

describe('class 24, host header poisoning: the link of a mail', () => {
  const proxied = { 'x-forwarded-proto': 'https' }
  it.each([
    { host: 'evil.example' },
    { host: 'app.example.org', 'x-forwarded-host': 'evil.example' },
    { host: 'app.example.org', 'x-forwarded-proto': 'http', 'x-forwarded-port': '8443' },
    { host: 'app.example.org', forwarded: 'for=192.0.2.1;host=evil.example;proto=https' },
    { host: 'app.example.org', origin: 'https://evil.example', referer: 'https://evil.example/' },
    { host: 'app.example.org:8443', 'x-original-host': 'evil.example', 'x-host': 'evil.example' },
  ])('starts with the public URL, whatever a request says: %j', async (headers) => {
    const before = sink.received.length
    await server.app.inject({ method: 'POST', url: '/api/v1/forgot', headers: { ...proxied, ...headers } })
    await server.app.inject({
      method: 'POST',
      url: '/api/v1/forgot',
      headers: { ...proxied, host: 'app.example.org' },
    })
    await sink.waitFor(before + 1)
    await sender.look()
    for (const { parsed, raw } of sink.received.slice(before)) {
      const links = `${parsed.text}${parsed.html}`.match(/https?:\/\/[^\s"<>]+/g) ?? []
      expect(new Set(links)).toEqual(new Set([`https://app.example.org/account/reset#token=${token}`]))
      expect(raw).not.toContain('evil.example')
    }
  })
})
