import type { Parsed } from '../parsed.ts'
import { canonicalEmail } from '../shapes/email.ts'

/** A mail server, as the URL of the configuration names it. */
export interface SmtpServer {
  readonly host: string
  readonly port: number
  /**
   * `implicit`: TLS from the first byte. `required`: STARTTLS or nothing. `offered`: STARTTLS where the server has it,
   * for a relay of a network that is trusted.
   */
  readonly tls: 'implicit' | 'required' | 'offered'
  readonly auth?: { readonly user: string; readonly pass: string }
}

const schemes = {
  'smtps:': { port: 465, tls: 'implicit' },
  'smtp:': { port: 587, tls: 'required' },
  'smtp+plain:': { port: 25, tls: 'offered' },
} as const satisfies Record<string, Pick<SmtpServer, 'port' | 'tls'>>

const rule =
  'must be a URL such as smtp://user:password@mail.example.org:587, smtps://… for TLS from the start, or smtp+plain://relay:25 for a relay without'

/** A mail server's URL. Loopback needs no TLS, and credentials never cross another network without it. */
export function smtpUrl(raw: string): Parsed<SmtpServer> {
  const url = URL.parse(raw)
  const scheme =
    url === null || !Object.hasOwn(schemes, url.protocol) ? undefined : schemes[url.protocol as keyof typeof schemes]
  if (
    url === null ||
    scheme === undefined ||
    url.hostname === '' ||
    !/^\/?$/.test(url.pathname) ||
    url.search + url.hash !== ''
  ) {
    return { fault: rule }
  }
  const credentials = credentialsOf(url)
  if (credentials === undefined) return { fault: `${rule}; user and password come together, percent-encoded` }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const tls = scheme.tls === 'required' && isLoopback(host) ? 'offered' : scheme.tls
  if ('auth' in credentials && tls === 'offered' && !isLoopback(host)) {
    return { fault: 'must not send a password to another machine without TLS: use smtp:// or smtps://' }
  }
  return { value: { host, port: Number(url.port) || scheme.port, tls, ...credentials } }
}

function credentialsOf(url: URL): Pick<SmtpServer, 'auth'> | undefined {
  if (url.username === '' && url.password === '') return {}
  if (url.username === '' || url.password === '') return undefined
  try {
    return { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } }
  } catch {
    return undefined
  }
}

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host)

/** Who a mail is from. */
export interface Sender {
  /** May be empty. */
  readonly name: string
  readonly address: string
}

/** `Name <address>` or an address alone. The name is of letters, digits and the marks that need no quoting. */
export function mailFrom(raw: string): Parsed<Sender> {
  const match = /^(?:([\p{L}\p{M}\p{N} .,'’&()-]{1,64}?)\s*<([^<>]+)>|([^<>]+))$/u.exec(raw.trim())
  const address = canonicalEmail(match?.[2] ?? match?.[3] ?? '')
  return address === undefined
    ? { fault: 'must be an address such as no-reply@example.org, or Name <no-reply@example.org>' }
    : { value: { name: match?.[1]?.trim() ?? '', address } }
}
