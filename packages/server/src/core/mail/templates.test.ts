import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { carrierTo, mailTenant, queueMail, startTestSender, type TestSender, token } from '../../testing/mail.ts'
import { type ReceivedMail, type SmtpSink, startSmtpSink } from '../../testing/smtp-sink.ts'
import type { Locale } from '../locale.ts'
import { createMailLinks } from './links.ts'
import type { NewMail } from './outbox.ts'
import { oneLine, personName } from './plain-values.ts'
import { mailTemplates } from './templates.ts'

let database: TestDatabase
let sink: SmtpSink
let sender: TestSender
beforeAll(async () => {
  database = await createTestDatabase()
  sink = await startSmtpSink()
  sender = startTestSender(database, { carrier: carrierTo(sink.port) })
})
afterAll(async () => {
  await sender.stop()
  await sink.close()
  await database.close()
})

const at = '2026-11-21T05:00:00Z'
const to = { address: 'ada@example.org' }
/** One of each, in the order of the catalogue. */
const oneOfEach: readonly NewMail[] = [
  { template: 'verify-email', to, data: { token } },
  { template: 'account-exists', to, data: {} },
  { template: 'reset-password', to, data: { token, minutes: 30 } },
  { template: 'password-changed', to, data: { at } },
  { template: 'invitation', to, data: { token, invitedBy: 'Grace Hopper', days: 7 } },
  { template: 'new-device', to, data: { device: 'Firefox, Linux', at, token } },
  { template: 'account-locked', to, data: { until: at } },
  { template: 'mfa-changed', to, data: { change: 'passkey-added', at } },
  { template: 'email-changed', to, data: { newAddress: 'augusta@example.net', at, token, hours: 72 } },
  { template: 'recovery-codes-low', to, data: { left: 2 } },
  { template: 'change-email', to, data: { token, present: 'ada@example.org' } },
  { template: 'email-change-asked', to, data: { newAddress: 'augusta@example.net', at, token } },
  { template: 'reset-factor', to, data: { token, minutes: 30, hours: 24 } },
  { template: 'factor-reset-waits', to, data: { token, until: at } },
  { template: 'factor-locked', to, data: { until: at } },
  { template: 'session-replayed', to, data: { at, token } },
  { template: 'webhook-disabled', to, data: { host: 'hooks.example.org', reason: 'failing' } },
  { template: 'sessions-ended', to, data: { at } },
  { template: 'access-changed', to, data: { change: 'api-key-created', at } },
]

/** Sends a mail over the wire and reads what came. */
async function arrive(mail: NewMail, tenantName = 'Acme'): Promise<ReceivedMail> {
  const tenant = await mailTenant(database, tenantName)
  const before = sink.received.length
  await queueMail(database, tenant, mail)
  await sink.waitFor(before + 1)
  const received = sink.received[before]
  if (received === undefined) throw new Error('nothing arrived')
  return received
}

const htmlOf = ({ parsed }: ReceivedMail): string => (parsed.html === false ? '' : parsed.html)
const linksIn = (text: string): readonly string[] => text.match(/https?:\/\/[^\s"<>]+/g) ?? []

describe('every mail', () => {
  it('is tried here', () => {
    expect(oneOfEach.map(({ template }) => template)).toEqual(Object.keys(mailTemplates))
  })

  it.each(['en', 'fr'] as const)(
    'arrives in %s as text and as HTML that say the same, and loads nothing from elsewhere',
    async (locale) => {
      for (const mail of oneOfEach) {
        const received = await arrive({ ...mail, locale } as NewMail)
        const { text = '', subject = '' } = received.parsed
        const html = htmlOf(received)
        expect(subject, mail.template).not.toBe('')
        expect(html).toContain(`<html lang="${locale}">`)
        expect(html).toContain('Acme')
        expect(text).toContain('Acme')
        expect(linksIn(text).length, mail.template).toBe(1)
        for (const link of [...linksIn(text), ...linksIn(html)]) {
          expect(link, mail.template).toMatch(/^https:\/\/app\.example\.org\/account\/[a-z-]+(#token=[\w-]+)?$/)
        }
        expect(html).not.toMatch(/<(img|script|link|style|iframe|form)\b|src=|url\(|@import/i)
        expect(html).not.toMatch(/undefined|\[object|NaN/)
        expect(text).not.toMatch(/undefined|\[object|NaN/)
      }
    },
  )

  it('has a subject of its own in each language', async () => {
    const subjects = (['en', 'fr'] as const).flatMap((locale: Locale) =>
      oneOfEach.map((mail) => {
        const { write } = mailTemplates[mail.template]
        // The pair is the one that the table above holds.
        const content = (write as (data: unknown, about: object) => { subject: string })(mail.data, {
          locale,
          site: 'Acme',
          links: createMailLinks('https://app.example.org'),
        })
        return content.subject
      }),
    )
    expect(new Set(subjects).size).toBe(2 * oneOfEach.length)
  })

  it('carries its token in the fragment of one link, whole, and nowhere else', async () => {
    for (const [kind, path] of [
      ['verify-email', 'verify'],
      ['reset-password', 'reset'],
      ['invitation', 'invite'],
      ['change-email', 'change-email'],
      ['email-changed', 'return-email'],
      ['new-device', 'end-sessions'],
      ['reset-factor', 'reset-factor'],
      ['factor-reset-waits', 'keep-factor'],
    ] as const) {
      const mail = oneOfEach.find(({ template }) => template === kind)
      if (mail === undefined) throw new Error(kind)
      const received = await arrive(mail)
      const link = `https://app.example.org/account/${path}#token=${token}`
      expect(linksIn(received.parsed.text ?? '')).toEqual([link])
      expect(new Set(linksIn(htmlOf(received)))).toEqual(new Set([link]))
      const header = received.raw.slice(0, received.raw.indexOf('\r\n\r\n'))
      expect(header).not.toContain(token)
    }
  })
})

describe('class 43, injection: what people chose to be called', () => {
  const hostile = [
    'Ada\r\nBcc: everybody@example.org',
    'Ada\n.\nMAIL FROM:<x@example.org>',
    '<script>alert(1)</script>',
    '"><img src=https://evil.example/x.png>',
    '\u202Emoc.live//:sptth',
    'Ada\u2028Bcc: x@example.org\u0000\u001b[31m',
    '{{7*7}} %0d%0aBcc: &lt;b&gt;',
  ]

  it.each(hostile)('starts no header, no recipient and no element: %j', async (name) => {
    const received = await arrive(
      { template: 'new-device', to, data: { device: name, at, token } },
      // The name of a tenant has no control characters; the rest of it is anybody's.
      name.replaceAll(/[\p{Cc}\u2028]/gu, ' '),
    )
    expect(received.recipients).toEqual(['ada@example.org'])
    expect([...received.parsed.headers.keys()].sort()).toEqual([
      'auto-submitted',
      'content-type',
      'date',
      'from',
      'message-id',
      'mime-version',
      'subject',
      'to',
      'x-auto-response-suppress',
      'x-rempart-mail',
    ])
    expect(received.parsed.subject).toBe('Sign-in from a new device')
    expect(htmlOf(received)).not.toMatch(/<script|<img/i)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there.
    expect(received.parsed.text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2028\u2029]/)
  })

  it('places no link of theirs in an invitation', async () => {
    for (const name of [
      'Click www.evil.example',
      'https://evil.example',
      'evil.example/login',
      'mail me a@b.cd',
      'Écrivez à évil.example',
    ]) {
      const received = await arrive({ template: 'invitation', to, data: { token, invitedBy: name, days: 7 } })
      expect(received.parsed.text).not.toContain('evil')
      expect(received.parsed.text).toContain('Somebody of the team invites you')
    }
    expect(personName('Dr. J. R. O’Neil-Müller')).toBe('Dr. J. R. O’Neil-Müller')
  })

  it('is one line of bounded length, whatever it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (value) => {
        const line = oneLine(value)
        expect([...line].length).toBeLessThanOrEqual(100)
        expect(line).toMatch(/^[^\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]*$/u)
      }),
      { numRuns: 300 },
    )
  })
})

describe('what a mail gives away', () => {
  it('is not the whole new address, to who still reads the old one', async () => {
    const mail = oneOfEach.find(({ template }) => template === 'email-changed')
    const received = await arrive(mail ?? { template: 'recovery-codes-low', to, data: { left: 1 } })
    expect(received.parsed.text).toContain('a…@example.net')
    expect(received.raw + (received.parsed.text ?? '') + htmlOf(received)).not.toContain('augusta')
  })
})
