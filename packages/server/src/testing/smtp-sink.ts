import type { AddressInfo } from 'node:net'
import { type ParsedMail, simpleParser } from 'mailparser'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

/** A mail as it came over the wire. */
export interface ReceivedMail {
  readonly recipients: readonly string[]
  readonly raw: string
  readonly parsed: ParsedMail
}

/** A real mail server on a free port of loopback, which keeps what it gets. */
export interface SmtpSink {
  readonly port: number
  readonly received: ReceivedMail[]
  /** Resolves when so many have come. */
  waitFor(count: number): Promise<void>
  close(): Promise<void>
}

/** How the server treats its clients; the default takes everything. */
export interface SinkBehaviour {
  /** What RCPT TO is answered with; undefined takes it. */
  readonly refuse?: (address: string) => { readonly code: number; readonly message: string } | undefined
  /** Called with each whole message before it is acknowledged; a promise holds the answer back. */
  readonly beforeAnswer?: (mail: ReceivedMail) => Promise<void> | void
  readonly options?: SMTPServerOptions
  readonly port?: number
}

/** Starts one. */
export async function startSmtpSink(behaviour: SinkBehaviour = {}): Promise<SmtpSink> {
  const received: ReceivedMail[] = []
  const waiting = new Set<() => void>()
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    ...behaviour.options,
    onRcptTo({ address }, _session, callback) {
      const refusal = behaviour.refuse?.(address)
      if (refusal === undefined) return callback()
      callback(Object.assign(new Error(refusal.message), { responseCode: refusal.code }))
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const raw = Buffer.concat(chunks)
        void simpleParser(raw).then(async (parsed) => {
          const mail = {
            recipients: session.envelope.rcptTo.map(({ address }) => address),
            raw: raw.toString(),
            parsed,
          }
          received.push(mail)
          for (const wake of waiting) wake()
          await behaviour.beforeAnswer?.(mail)
          callback()
        })
      })
    },
  })
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(behaviour.port ?? 0, '127.0.0.1', resolve))
  return {
    port: (server.server.address() as AddressInfo).port,
    received,
    waitFor: (count) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (received.length < count) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      }),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
