import { afterAll } from 'vitest'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { carrierTo, startTestSender, type TestSender } from './mail.ts'
import { startTestServer, type TestServer } from './server.ts'
import { type SmtpSink, startSmtpSink } from './smtp-sink.ts'

/** A server and its database, for the tests of one file. They end with the file. */
export interface Stage {
  readonly database: TestDatabase
  readonly server: TestServer
}

async function stage(): Promise<Stage> {
  const database = await createTestDatabase()
  afterAll(() => database.close())
  const server = await startTestServer(database)
  afterAll(() => server.close())
  return { database, server }
}

/** Two processes over one database, each with a tenant of its own, for the tests of one file. */
export async function stageOfTwo(): Promise<Stage & { readonly second: TestServer }> {
  const { database, server } = await stage()
  const second = await startTestServer(database)
  afterAll(() => second.close())
  return { database, server, second }
}

/** A server, a mail server that keeps what it is sent, and what carries mails there, for the tests of one file. */
export async function stageWithMail(): Promise<Stage & { readonly sink: SmtpSink; readonly sender: TestSender }> {
  const { database, server } = await stage()
  const sink = await startSmtpSink()
  afterAll(() => sink.close())
  const sender = startTestSender(database, { carrier: carrierTo(sink.port) })
  afterAll(() => sender.stop())
  return { database, server, sink, sender }
}
