import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import {
  carrierTo,
  mailTenant,
  outboxOf,
  queueMail,
  startTestSender,
  type TestSender,
  token,
} from '../../testing/mail.ts'
import { type SinkBehaviour, type SmtpSink, startSmtpSink } from '../../testing/smtp-sink.ts'
import { mastersOf } from '../secrets.ts'
import type { NewMail } from './outbox.ts'
import { createMailKeys } from './sealed-mail.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const verify = (address: string): NewMail => ({ template: 'verify-email', to: { address }, data: { token } })

async function sinkThat(behaviour: SinkBehaviour = {}): Promise<SmtpSink> {
  const sink = await startSmtpSink(behaviour)
  closing.push(() => sink.close())
  return sink
}

function senderTo(port: number, options: Partial<Parameters<typeof startTestSender>[1]> = {}): TestSender {
  const sender = startTestSender(database, { carrier: carrierTo(port), ...options })
  closing.push(() => sender.stop())
  return sender
}

async function outcomes(sender: TestSender): Promise<Record<string, number>> {
  const { values } = (await sender.registry.getMetricsAsJSON())[0] ?? { values: [] }
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels['outcome']), value]))
}

/** A server that is there and does nothing but what `behave` does with each connection. */
async function rawServer(behave: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    behave(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A mail server that answers the greeting and MAIL FROM as it is told, and takes everything else. */
const refusingServer = (says: { readonly greeting: string; readonly mail: string }): Promise<number> =>
  rawServer((socket) => {
    socket.write(`${says.greeting}\r\n`)
    socket.on('data', (chunk) => socket.write(`${/^MAIL FROM/i.test(String(chunk)) ? says.mail : '250 OK'}\r\n`))
  })

describe('the sender', () => {
  it('delivers what is committed as soon as it hears of it, and nothing remains', async () => {
    const [sink, tenant] = [await sinkThat(), await mailTenant(database)]
    const sender = senderTo(sink.port)
    await queueMail(database, tenant, verify('ada@example.org'))
    await sink.waitFor(1)
    await sender.look()
    expect(sink.received[0]).toMatchObject({ recipients: ['ada@example.org'] })
    expect(sink.received[0]?.parsed.from?.value).toEqual([{ name: 'Rempart', address: 'no-reply@app.example.org' }])
    expect(sink.received[0]?.raw).toMatch(/^Auto-Submitted: auto-generated\r$/m)
    expect(await outboxOf(database, tenant)).toEqual([])
    expect(await outcomes(sender)).toEqual({ delivered: 1 })
  })

  it('sends each mail of many tenants once, with several processes at it', async () => {
    const sink = await sinkThat()
    const tenants = await Promise.all(Array.from({ length: 23 }, () => mailTenant(database)))
    for (const [index, tenant] of tenants.entries()) {
      for (let mail = 0; mail < 3; mail += 1) await queueMail(database, tenant, verify(`p${index}-${mail}@example.org`))
    }
    const senders = [senderTo(sink.port), senderTo(sink.port), senderTo(sink.port)]
    await sink.waitFor(69)
    await Promise.all(senders.map((sender) => sender.look()))
    expect(new Set(sink.received.map(({ parsed }) => parsed.messageId)).size).toBe(69)
    expect(sink.received).toHaveLength(69)
  })

  it('drops what is beyond the cap, or for nobody, without a connection to the mail server', async () => {
    const tenant = await mailTenant(database)
    let connections = 0
    const port = await rawServer(() => {
      connections += 1
    })
    await queueMail(database, tenant, { ...verify('x@example.org'), to: { nobodyAt: 'nobody@example.org' } })
    const sender = senderTo(port)
    await sender.look()
    expect(await outboxOf(database, tenant)).toEqual([])
    expect(await outcomes(sender)).toEqual({ dropped: 1 })
    expect(connections).toBe(0)
  })

  it('sends when a server that was down is up again, and says so once, without an address', async () => {
    const tenant = await mailTenant(database)
    const gone = await startSmtpSink()
    await gone.close()
    await queueMail(database, tenant, verify('ada@example.org'))
    const sender = senderTo(gone.port, { pace: { lookMs: 20 } })
    await vi.waitFor(async () => expect((await outcomes(sender))['retried']).toBeGreaterThan(2))
    const sink = await sinkThat({ port: gone.port })
    await sink.waitFor(1)
    await vi.waitFor(async () => expect(await outboxOf(database, tenant)).toEqual([]))
    expect(sender.logLines.filter((line) => line.includes('cannot be reached'))).toHaveLength(1)
    expect(sender.logLines.join()).not.toMatch(/ada@|example\.org|rmp_pr_/)
  })

  it('gives a server that says nothing up after its time, and has no connection to the database meanwhile', async () => {
    const tenant = await mailTenant(database)
    const connected = Promise.withResolvers<void>()
    const port = await rawServer(() => connected.resolve())
    await queueMail(database, tenant, verify('ada@example.org'))
    const sender = senderTo(port, { pace: { deliveryMs: 300, firstPauseMs: 60_000, longestPauseMs: 60_000 } })
    const looked = sender.look()
    await connected.promise
    const open = await database.app.query(
      `select count(*)::int as n from pg_stat_activity where application_name = 'test-worker' and state <> 'idle' and datname = current_database()`,
    )
    expect(open.rows).toEqual([{ n: 0 }])
    await looked
    expect(await outcomes(sender)).toEqual({ retried: 1 })
    expect(await outboxOf(database, tenant)).toMatchObject([{ attempts: 1 }])
  })

  it('forgets a mail whose recipient is refused for good, and still sends the others', async () => {
    const tenant = await mailTenant(database)
    const sink = await sinkThat({
      refuse: (address) =>
        address.startsWith('gone') ? { code: 550, message: `5.1.1 <${address}> is unknown here` } : undefined,
    })
    await queueMail(database, tenant, verify('gone@example.org'))
    await queueMail(database, tenant, verify('here@example.org'))
    const sender = senderTo(sink.port)
    await sink.waitFor(1)
    await sender.look()
    expect(sink.received.map(({ recipients }) => recipients)).toEqual([['here@example.org']])
    expect(await outboxOf(database, tenant)).toEqual([])
    expect(await outcomes(sender)).toEqual({ refused: 1, delivered: 1 })
    expect(sender.logLines.join()).toContain('EENVELOPE 550')
    expect(sender.logLines.join()).not.toContain('gone@')
  })

  it.each([
    { at: 'its greeting', says: { greeting: '554 5.7.1 no service for you' } },
    { at: 'the sender, as without a password', says: { mail: '530 5.7.0 authentication required' } },
    { at: 'the sender, whose domain is not set up', says: { mail: '550 5.7.1 sender not authorised' } },
  ])('keeps a mail when the server refuses $at: it says nothing of the recipient', async ({ says }) => {
    const tenant = await mailTenant(database)
    const port = await refusingServer({ greeting: '220 ready', mail: '250 OK', ...says })
    await queueMail(database, tenant, verify('ada@example.org'))
    await queueMail(database, tenant, verify('grace@example.org'))
    const sender = senderTo(port, { pace: { lookMs: 60_000, firstPauseMs: 60_000, longestPauseMs: 60_000 } })
    await sender.look()
    expect(await outcomes(sender)).toEqual({ retried: 2 })
    expect(await outboxOf(database, tenant)).toHaveLength(2)
    expect(sender.logLines.filter((line) => line.includes('mails wait'))).toHaveLength(1)
  })

  it('tries a recipient that is refused for now again, later each time', async () => {
    const tenant = await mailTenant(database)
    let tries = 0
    const sink = await sinkThat({
      refuse: () => {
        tries += 1
        return tries < 3 ? { code: 451, message: '4.7.1 greylisted, come back' } : undefined
      },
    })
    await queueMail(database, tenant, verify('ada@example.org'))
    const sender = senderTo(sink.port, { pace: { lookMs: 20 } })
    await sink.waitFor(1)
    await vi.waitFor(async () => expect(await outboxOf(database, tenant)).toEqual([]))
    expect(tries).toBe(3)
    expect(await outcomes(sender)).toEqual({ retried: 2, delivered: 1 })
  })

  it('tries a mail again while it is worth something, however long the pause of its attempts has become', async () => {
    const tenant = await mailTenant(database)
    const sink = await sinkThat({ refuse: () => ({ code: 451, message: '4.7.1 come back' }) })
    await queueMail(database, tenant, verify('ada@example.org'))
    const [row] = await outboxOf(database, tenant)
    if (row === undefined) throw new Error('a mail was queued')
    await inTenant(database.worker, tenant, async (tx) => {
      await tx.deleteFrom('mail_outbox').execute()
      const soon = { attempts: 10, expires_at: new Date(Date.now() + 60_000) }
      await tx
        .insertInto('mail_outbox')
        .values({ ...row, ...soon })
        .execute()
    })
    await senderTo(sink.port, { pace: { firstPauseMs: 1_000, longestPauseMs: 1_800_000 } }).look()
    const [after] = await outboxOf(database, tenant)
    const secondsLeft = ((after?.expires_at.getTime() ?? 0) - (after?.next_attempt_at.getTime() ?? 0)) / 1000
    expect([after?.attempts, Math.round(secondsLeft / 10)]).toEqual([11, 3])
  })

  it('gives up what is no longer worth delivering, with a line that names nobody', async () => {
    const [sink, tenant] = [await sinkThat(), await mailTenant(database)]
    await queueMail(database, tenant, verify('ada@example.org'))
    await inTenant(database.worker, tenant, (tx) => tx.deleteFrom('mail_outbox').execute())
    await queueMail(database, tenant, verify('grace@example.org'))
    const [row] = await outboxOf(database, tenant)
    await inTenant(database.worker, tenant, async (tx) => {
      await tx.deleteFrom('mail_outbox').execute()
      if (row !== undefined) {
        await tx
          .insertInto('mail_outbox')
          .values({ ...row, expires_at: new Date(Date.now() - 1000) })
          .execute()
      }
    })
    const sender = senderTo(sink.port)
    await sender.look()
    expect(await outcomes(sender)).toEqual({ expired: 1 })
    expect(sink.received).toEqual([])
    expect(sender.logLines.join()).toMatch(/given up/)
    expect(sender.logLines.join()).not.toMatch(/grace@/)
  })

  it('does not send what was sealed under another secret', async () => {
    const [sink, tenant] = [await sinkThat(), await mailTenant(database)]
    await queueMail(database, tenant, verify('ada@example.org'))
    const sender = senderTo(sink.port, { keys: createMailKeys(mastersOf('another secret of more than 32 bytes')) })
    await sender.look()
    expect(await outcomes(sender)).toEqual({ unreadable: 1 })
    expect(sink.received).toEqual([])
  })
})

describe('at least once', () => {
  let child: ChildProcess | undefined
  afterEach(() => child?.kill('SIGKILL'))

  it('sends a mail again whose sender was killed between the delivery and its record, under the same Message-ID', async () => {
    const tenant = await mailTenant(database)
    const killed = Promise.withResolvers<void>()
    const sink = await sinkThat({
      // The first copy is here, whole; its sender dies before it hears so.
      async beforeAnswer() {
        if (sink.received.length > 1 || child === undefined) return
        child.kill('SIGKILL')
        await once(child, 'exit')
        killed.resolve()
      },
    })
    await queueMail(database, tenant, verify('ada@example.org'))
    const target = database.target('rempart_worker')
    if (!('host' in target)) throw new Error('the test database is on a socket')
    const program = join(import.meta.dirname, '../../testing/mail-sender-process.ts')
    child = spawn(
      process.execPath,
      ['--conditions=rempart-source', program, target.host, String(target.port), target.database, String(sink.port)],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    await killed.promise
    expect(await outboxOf(database, tenant)).toMatchObject([{ attempts: 1 }])
    senderTo(sink.port, { pace: { lookMs: 100 } })
    await sink.waitFor(2)
    await vi.waitFor(async () => expect(await outboxOf(database, tenant)).toEqual([]))
    const ids = sink.received.map(({ parsed }) => parsed.messageId)
    expect(ids[0]).toMatch(/^<[0-9a-f-]{36}@app\.example\.org>$/)
    expect(ids).toEqual([ids[0], ids[0]])
    expect(sink.received[0]?.parsed.date).toEqual(sink.received[1]?.parsed.date)
  })

  it('lets a stopping process finish what is under way, and leaves what it broke off to the next at once', async () => {
    const tenant = await mailTenant(database)
    const slow = Promise.withResolvers<void>()
    const finishing = await sinkThat({ beforeAnswer: () => slow.promise })
    await queueMail(database, tenant, verify('ada@example.org'))
    const first = senderTo(finishing.port, { pace: { stopMs: 5_000 } })
    await finishing.waitFor(1)
    const stopped = first.stop()
    slow.resolve()
    await stopped
    expect(await outboxOf(database, tenant)).toEqual([])

    await queueMail(database, tenant, verify('grace@example.org'))
    const frozen = await rawServer(() => {})
    const second = senderTo(frozen, { pace: { stopMs: 50, firstPauseMs: 60_000, longestPauseMs: 60_000 } })
    const looked = second.look()
    await vi.waitFor(async () => expect(await outboxOf(database, tenant)).toMatchObject([{ attempts: 1 }]))
    await second.stop()
    await looked
    const third = await sinkThat()
    await senderTo(third.port).look()
    expect(third.received.map(({ recipients }) => recipients)).toEqual([['grace@example.org']])
  })
})
