import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCarrier } from './carrier.ts'
import type { Envelope } from './envelope.ts'
import { mailboxDirectory, readMailbox } from './mailbox.ts'

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'rempart-mailbox-'))
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

const carry = (mail: Partial<Envelope>) =>
  createCarrier({
    smtp: undefined,
    from: { name: 'Équipe Rempart', address: 'no-reply@localhost' },
    host: 'localhost',
    dataDir,
  }).carry(
    {
      id: '01900000-0000-7000-8000-000000000000',
      to: 'ada@example.org',
      subject: 'Hello',
      text: 'Hello\n',
      html: '<p>Hello</p>',
      createdAt: new Date('2026-11-21T05:00:00.123Z'),
      template: 'verify-email',
      ...mail,
    },
    AbortSignal.timeout(5_000),
  )

describe('the mailbox', () => {
  it('gives a mail back as it was written, in any script', async () => {
    const long = 'Une adresse très longue, à lire en entier : '.repeat(20)
    const text = `É à ü 漢字 🎉\n\nhttp://localhost:3000/account/reset#token=${'x'.repeat(120)}\n\n${long}\n`
    const subject = 'Votre mot de passe a été changé — 漢字, et un objet qui ne tient pas sur une seule ligne d’en-tête'
    await carry({ text, subject })
    expect(await readMailbox(dataDir)).toMatchObject([
      { number: 1, to: 'ada@example.org', subject, text, at: '2026-11-21T05:00:00.000Z' },
    ])
  })

  it('is read by its owner alone, and holds one file for a mail that is written twice', async () => {
    await carry({})
    await carry({})
    const directory = mailboxDirectory(dataDir)
    const files = readdirSync(directory)
    expect(files).toEqual(['2026-11-21T05-00-00-123Z-01900000-0000-7000-8000-000000000000.eml'])
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(statSync(join(directory, files[0] ?? '')).mode & 0o777).toBe(0o600)
  })

  it('keeps the newest 200', async () => {
    for (let index = 0; index < 203; index += 1) {
      await carry({ id: `id-${index}`, subject: `mail ${index}`, createdAt: new Date(1_760_000_000_000 + index) })
    }
    const mails = await readMailbox(dataDir)
    expect(mails).toHaveLength(200)
    expect([mails[0]?.subject, mails[199]?.subject]).toEqual(['mail 202', 'mail 3'])
  })

  it('that cannot be written is tried again later, and names no one', async () => {
    const carrier = createCarrier({
      smtp: undefined,
      from: { name: '', address: 'no-reply@localhost' },
      host: 'localhost',
      dataDir: '/dev/null',
    })
    const mail = {
      id: 'x',
      to: 'ada@example.org',
      subject: '',
      text: '',
      html: '',
      createdAt: new Date(),
      template: 'x',
    }
    expect(await carrier.carry(mail, AbortSignal.timeout(5_000))).toEqual({
      outcome: 'later',
      reason: 'mailbox ENOTDIR',
      isServerAway: true,
    })
  })
})
