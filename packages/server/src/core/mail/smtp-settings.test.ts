import { describe, expect, it } from 'vitest'
import { ConfigError, loadConfig } from '../../config.ts'
import { startSmtpSink } from '../../testing/smtp-sink.ts'
import { createCarrier } from './carrier.ts'
import type { Envelope } from './envelope.ts'
import { mailFrom, smtpUrl } from './smtp-settings.ts'

describe('REMPART_SMTP_URL', () => {
  it.each([
    [
      'smtp://u:p%40ss@mail.example.org',
      { host: 'mail.example.org', port: 587, tls: 'required', auth: { user: 'u', pass: 'p@ss' } },
    ],
    ['smtps://mail.example.org', { host: 'mail.example.org', port: 465, tls: 'implicit' }],
    ['smtp+plain://relay:2525', { host: 'relay', port: 2525, tls: 'offered' }],
    ['smtp://127.0.0.1:1025', { host: '127.0.0.1', port: 1025, tls: 'offered' }],
    ['smtp://u:p@[::1]:1025', { host: '::1', port: 1025, tls: 'offered', auth: { user: 'u', pass: 'p' } }],
  ])('%s', (url, server) => expect(smtpUrl(url)).toEqual({ value: server }))

  it.each([
    'mail.example.org',
    'http://mail.example.org',
    'smtp://',
    'smtp://u@mail.example.org',
    'smtp://:p@mail.example.org',
    'smtp://u:%zz@mail.example.org',
    'smtp://mail.example.org/?tls.rejectUnauthorized=false',
    'smtp+plain://u:p@relay',
  ])('refuses %s without repeating it', (url) => {
    const parsed = smtpUrl(url)
    expect(parsed).toHaveProperty('fault')
    expect(JSON.stringify(parsed)).not.toContain(`${url}"`)
  })

  it('asks for a sender, and keeps the password out of what it says', () => {
    const load = () => loadConfig({ REMPART_SMTP_URL: 'smtp://u:hunter2hunter2@mail.example.org' })
    expect(load).toThrow(ConfigError)
    expect(load).toThrow('REMPART_MAIL_FROM is required with REMPART_SMTP_URL')
    expect(load).not.toThrow('hunter2')
  })
})

describe('REMPART_MAIL_FROM', () => {
  it.each([
    ['no-reply@example.org', { name: '', address: 'no-reply@example.org' }],
    ['Société d’Ada & Cie <no-reply@example.org>', { name: 'Société d’Ada & Cie', address: 'no-reply@example.org' }],
  ])('%s', (raw, sender) => expect(mailFrom(raw)).toEqual({ value: sender }))

  it.each([
    '',
    'nobody',
    'A <b>',
    'A <a@example.org>, b@example.org',
    'A\r\nBcc: x <a@example.org>',
    '"A" <a@example.org>',
  ])('refuses %j', (raw) => expect(mailFrom(raw)).toHaveProperty('fault'))
})

describe('REMPART_RUN', () => {
  it('is both parts, one, or a fault', () => {
    const run = (value?: string) => loadConfig(value === undefined ? {} : { REMPART_RUN: value }).run
    expect([run(), run('jobs'), run('jobs, api')]).toEqual([['api', 'jobs'], ['jobs'], ['api', 'jobs']])
    expect(() => run('web')).toThrow('REMPART_RUN must be api, jobs or api,jobs')
  })
})

describe('TLS', () => {
  const mail: Envelope = {
    id: 'x',
    to: 'ada@example.org',
    subject: 's',
    text: 't',
    html: 'h',
    createdAt: new Date(),
    template: 'x',
  }
  const carry = (port: number, tls: 'required' | 'implicit' | 'offered') =>
    createCarrier({
      smtp: { host: '127.0.0.1', port, tls, auth: { user: 'ada', pass: 'secret' } },
      from: { name: '', address: 'no-reply@example.org' },
      host: 'example.org',
      dataDir: '/nonexistent',
    }).carry(mail, AbortSignal.timeout(10_000))

  it('is not done without where it is required: neither password nor mail goes out in the clear', async () => {
    const said: string[] = []
    const sink = await startSmtpSink({
      options: {
        onAuth(auth, _session, done) {
          said.push(String(auth.password))
          done(null, { user: 'ada' })
        },
      },
    })
    expect(await carry(sink.port, 'required')).toMatchObject({ outcome: 'later', isServerAway: true })
    expect(await carry(sink.port, 'implicit')).toMatchObject({ outcome: 'later', isServerAway: true })
    expect([said, sink.received]).toEqual([[], []])
    await sink.close()
  })

  it('is not done with a server that cannot prove its name', async () => {
    // The server brings its own certificate, which nobody signed.
    const sink = await startSmtpSink({ options: { disabledCommands: [], authOptional: true } })
    expect(await carry(sink.port, 'required')).toMatchObject({ outcome: 'later', isServerAway: true })
    expect(sink.received).toEqual([])
    await sink.close()
  })

  it('a password that is refused is a fault of the settings, not of the mail', async () => {
    const sink = await startSmtpSink({
      options: { allowInsecureAuth: true, onAuth: (_auth, _session, done) => done(new Error('Invalid credentials')) },
    })
    const carried = await carry(sink.port, 'offered')
    expect(carried).toEqual({ outcome: 'later', reason: 'EAUTH 535', isServerAway: true })
    await sink.close()
  })
})
