import type { Parsed } from './core/parsed.ts'

/** A Redis, as its URL names it. */
export interface RedisTarget {
  readonly topology: 'server' | 'cluster' | 'sentinel'
  readonly isEncrypted: boolean
  /** One server, some nodes of a cluster, or the sentinels. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[]
  readonly username: string | undefined
  readonly password: string | undefined
  /** 0 in a cluster. */
  readonly database: number
  /** What the sentinels call the master; empty without them. */
  readonly masterName: string
}

const fault =
  'must be a URL such as redis://user:…@host:6379/0, rediss:// for TLS, redis+cluster://host:6379,host:6380 or redis+sentinel://host:26379,host:26379/name'
const pattern = /^redis(s?)(?:\+(cluster|sentinel))?:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^@/]+)(?:\/([^/?#]*))?$/
const defaultPorts = { server: 6379, cluster: 6379, sentinel: 26_379 } as const

/** Reads the URL of one server, of a cluster by some of its nodes, or of a master by its sentinels. */
export function redisUrl(raw: string): Parsed<RedisTarget> {
  const [, tls, form, username, password, list = '', path = ''] = pattern.exec(raw) ?? []
  const topology = form === 'cluster' || form === 'sentinel' ? form : 'server'
  const hosts = list.split(',').map((text) => readHost(text, defaultPorts[topology]))
  const known = hosts.filter((host) => host !== undefined)
  const credentials = [username, password].map(decode)
  const isWhole = known.length === hosts.length && (topology !== 'server' || hosts.length === 1)
  if (!isWhole || credentials.includes(null) || !isPathOf(topology, path)) return { fault }
  return {
    value: {
      topology,
      isEncrypted: tls === 's',
      hosts: known,
      username: credentials[0] || undefined,
      password: credentials[1] || undefined,
      database: topology === 'server' && path !== '' ? Number(path) : 0,
      masterName: topology === 'sentinel' ? path : '',
    },
  }
}

function isPathOf(topology: RedisTarget['topology'], path: string): boolean {
  if (topology === 'server') return /^\d{0,4}$/.test(path)
  return topology === 'sentinel' ? /^[\w.-]{1,128}$/.test(path) : path === ''
}

function readHost(text: string, defaultPort: number): RedisTarget['hosts'][number] | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([\da-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i.exec(text) ?? []
  const host = bracketed ?? plain
  const port = digits === undefined ? defaultPort : Number(digits)
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port }
}

/** Null for a text that is no percent-encoding. */
function decode(text: string | undefined): string | undefined | null {
  try {
    return text === undefined ? undefined : decodeURIComponent(text)
  } catch {
    return null
  }
}
