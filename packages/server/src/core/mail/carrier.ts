import { createTransport, type SendMailOptions } from 'nodemailer'
import type { Carried, Carrier, Envelope } from './envelope.ts'
import { mailboxCarrier } from './mailbox.ts'
import type { Sender, SmtpServer } from './smtp-settings.ts'

export interface CarrierSettings {
  /** Absent: mails go to the mailbox of the data directory. */
  readonly smtp: SmtpServer | undefined
  readonly from: Sender
  /** Host of the public URL: the right-hand side of message ids, and the name the server is greeted with. */
  readonly host: string
  readonly dataDir: string
}

/** How a server is waited for, each in milliseconds. */
const patience = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000, dnsTimeout: 10_000 }

export function createCarrier(settings: CarrierSettings): Carrier {
  const { smtp } = settings
  if (smtp === undefined) return mailboxCarrier(settings.dataDir, (mail) => messageOf(mail, settings))
  const transport = transportOf(smtp, settings.host)
  return {
    async carry(mail, signal) {
      try {
        await transport.sendMail({ ...messageOf(mail, settings), signal })
        return { outcome: 'carried' }
      } catch (error) {
        return judge(error)
      }
    },
  }
}

/** Greets a mail server, with its encryption and its credentials, and sends nothing. @throws the library's error. */
export async function verifyMailServer(smtp: SmtpServer, host: string): Promise<void> {
  const transport = transportOf(smtp, host)
  try {
    await transport.verify()
  } finally {
    transport.close()
  }
}

/** A connection for each mail: they are few, and one that hangs holds up no other. */
function transportOf(smtp: SmtpServer, host: string) {
  return createTransport({
    ...patience,
    host: smtp.host,
    port: smtp.port,
    name: host,
    secure: smtp.tls === 'implicit',
    requireTLS: smtp.tls === 'required',
    tls: { minVersion: 'TLSv1.2' },
    ...(smtp.auth && { auth: smtp.auth }),
    disableFileAccess: true,
    disableUrlAccess: true,
  })
}

function messageOf(mail: Envelope, { from, host }: CarrierSettings): SendMailOptions {
  return {
    from,
    to: { name: '', address: mail.to },
    messageId: `<${mail.id}@${host}>`,
    date: mail.createdAt,
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    headers: {
      // Nobody's absence note answers to this.
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
      'X-Rempart-Mail': mail.template,
    },
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

/** What is about the way to the server, by the code of the library or of the system. */
const AWAY =
  /^(ECONNECTION|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ESOCKET|EDNS|ETLS|EAUTH|ENOAUTH|EOAUTH2|EPROXY|ABORT_ERR)$/

/** The only commands whose answer is about a recipient or a message: what is said before is said to whoever sends. */
const ABOUT_MAIL = /^(RCPT TO|DATA)$/

function judge(error: unknown): Carried {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
  const command = error instanceof Error && 'command' in error ? String(error.command) : ''
  const status =
    error instanceof Error && 'responseCode' in error && typeof error.responseCode === 'number' ? error.responseCode : 0
  const reason = status === 0 ? code : `${code} ${status}`
  // A greeting, a password or a sender that the server refuses says nothing of the recipient, however final it sounds.
  if (AWAY.test(code) || (status !== 0 && !ABOUT_MAIL.test(command)))
    return { outcome: 'later', reason, isServerAway: true }
  const isFinal = status >= 500 && status < 600
  return { outcome: isFinal ? 'never' : 'later', reason, isServerAway: false }
}
