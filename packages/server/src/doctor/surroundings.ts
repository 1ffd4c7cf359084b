import { lstat, stat, statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Config, type Environment, settings, weakSecrets } from '../config.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

const OLDEST_NODE = 24

/** The runtime. */
export function examineNode(version = process.versions.node): Finding {
  return Number.parseInt(version, 10) >= OLDEST_NODE ? ok('node-ok', { version }) : fail('node-old', { version })
}

/** How the public reaches the server. What the configuration itself refuses is not asked again. */
export function examineUrl({ publicUrl, trustedProxies, host, securityContact }: Config): readonly Finding[] {
  const { protocol, hostname } = new URL(publicUrl)
  const isLocal = hostname === 'localhost' || /^(127\.|\[::1\])/.test(hostname)
  const unnamed = isLocal || securityContact.length > 0 ? [] : [warn('security-contact-none', { hostname })]
  if (protocol === 'http:')
    return [isLocal ? ok('url-local', { publicUrl }) : warn('url-plain', { publicUrl }), ...unnamed]
  if (trustedProxies.length === 0) return [warn('proxies-none', { publicUrl }), ...unnamed]
  const isWide = trustedProxies.some((each) => /\/0$/.test(each))
  const isOpen = host !== '127.0.0.1' && host !== '::1'
  return [
    isWide ? fail('proxies-all', {}) : ok('url-ok', { publicUrl }),
    ...(isOpen ? [ok('host-open', { host })] : []),
    ...unnamed,
  ]
}

/** Secrets that somebody would guess. */
export function examineSecrets(config: Config): readonly Finding[] {
  const weak = weakSecrets(config)
  if (weak.length === 0) return [ok('secrets-ok')]
  return weak.map((name) => warn('secret-weak', { name }))
}

/** Who besides the owner may read the files with secrets. */
export async function examineFiles(config: Config, environment: Environment): Promise<readonly Finding[]> {
  const named = Object.values(settings).flatMap((each) => {
    const file = each.secret === true ? environment[`${each.name}_FILE`] : undefined
    return file === undefined || file === '' ? [] : [file]
  })
  const ownKey = join(config.dataDir, 'secret.key')
  const files = [...named, ownKey, resolve('.env')]
  const open: Finding[] = []
  let seen = 0
  for (const file of files) {
    const status = await stat(file).catch(() => undefined)
    if (status === undefined) continue
    seen += 1
    const mode = (status.mode & 0o777).toString(8).padStart(3, '0')
    if ((status.mode & 0o077) === 0) continue
    // The server itself refuses a key of its own that others may read.
    open.push(file === ownKey ? fail('key-open', { file, mode }) : warn('file-open', { file, mode }))
  }
  if (open.length > 0) return open
  return seen === 0 ? [] : [ok('files-ok', { count: seen })]
}

const LITTLE_BYTES = 1_073_741_824
const TOO_LITTLE_BYTES = 209_715_200

/** Room in the data directory, or where it will be made. */
export async function examineDisk({ dataDir }: Config): Promise<Finding> {
  let at = dataDir
  while ((await lstat(at).catch(() => undefined)) === undefined && dirname(at) !== at) at = dirname(at)
  const { bavail, bsize } = await statfs(at)
  const freeBytes = bavail * bsize
  const facts = { dataDir, freeMegabytes: Math.floor(freeBytes / 1_048_576) }
  if (freeBytes < TOO_LITTLE_BYTES) return fail('disk-full', facts)
  return freeBytes < LITTLE_BYTES ? warn('disk-little', facts) : ok('disk-ok', facts)
}
