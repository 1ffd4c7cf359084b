import { hkdfSync, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, mkdir, open, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What a derived key is for. Two purposes never share a key, and a purpose that changes its format takes a new label. */
export const keyLabels = {
  renderToken: 'rempart/render-token/v1',
  fingerprint: 'rempart/fingerprint/v1',
  cursor: 'rempart/cursor/v1',
  proofOfWork: 'rempart/proof-of-work/v1',
  guardStore: 'rempart/guard-store/v1',
  gatewayStore: 'rempart/gateway-store/v1',
  guardEvents: 'rempart/guard-events/v1',
  knownDevice: 'rempart/known-device/v1',
  registration: 'rempart/registration/v1',
  totpSecret: 'rempart/totp-secret/v1',
  sessionMetadata: 'rempart/session-metadata/v1',
  signingKey: 'rempart/signing-key/v1',
  refreshSuccessor: 'rempart/refresh-successor/v1',
  mailbox: 'rempart/mailbox/v1',
  mailRecipient: 'rempart/mail-recipient/v1',
  identityProviders: 'rempart/identity-providers/v1',
  auditSubjects: 'rempart/audit-subjects/v1',
  auditHeads: 'rempart/audit-heads/v1',
  webhooks: 'rempart/webhooks/v1',
  erasureReceipts: 'rempart/erasure-receipts/v1',
} as const

/**
 * One key for one purpose, from the master secret: the same every time, and telling nothing of the others.
 *
 * @param length - In bytes, 16 to 64. Default 32.
 * @throws RangeError the master is under 32 bytes, the label is empty or the length is out of bounds.
 * @see RFC 5869
 */
export function deriveKey(master: Buffer, label: string, length = 32): Buffer {
  if (master.length < 32) throw new RangeError('the master secret is under 32 bytes')
  if (label === '') throw new RangeError('a derived key needs a label')
  if (!Number.isInteger(length) || length < 16 || length > 64) throw new RangeError('a derived key has 16 to 64 bytes')
  return Buffer.from(hkdfSync('sha256', master, '', label, length))
}

/** The master secrets of an installation: the current one seals and signs, those besides only open and verify. */
export interface Masters {
  readonly current: Buffer
  readonly previous: readonly Buffer[]
}

/** @param previous - what is the current one, or is there twice, counts once. */
export function mastersOf(current: string, previous: readonly string[] = []): Masters {
  const others = new Set(previous.filter((each) => each !== current))
  return { current: Buffer.from(current), previous: [...others].map((each) => Buffer.from(each)) }
}

/**
 * The master secrets that are configured; in the embedded mode the current one may be in the data directory, where the
 * first call makes it.
 *
 * @throws SecretFileError as {@link loadOrCreateSecret}.
 */
export async function loadMasters(config: {
  readonly secretKey: string | undefined
  readonly previousSecretKeys: readonly string[]
  readonly dataDir: string
}): Promise<Masters> {
  const current = config.secretKey ?? (await loadOrCreateSecret(join(config.dataDir, 'secret.key')))
  return mastersOf(current, config.previousSecretKeys)
}

/** The keys of one purpose under each master, the current one's first: it signs, and all verify. */
export function deriveKeys({ current, previous }: Masters, label: string): readonly [Buffer, ...Buffer[]] {
  return [deriveKey(current, label), ...previous.map((master) => deriveKey(master, label))]
}

/** The least of a secret that is believed, in bits: 32 random hexadecimal digits are estimated at about 110. */
const LEAST_ENTROPY_BITS = 80

/**
 * Why a secret is too weak to protect anything, as the rule it breaks and never the value; undefined when it will do.
 * It finds what people write, not what a generator with a flaw makes.
 */
export function secretStrengthFault(value: string): string | undefined {
  if (Buffer.byteLength(value) < 32) return 'must have at least 32 bytes'
  if (NEVER_MEANT.test(value)) return 'must not be a default or an example value'
  if (isPeriodic(value)) return 'must not be the same text repeated'
  if (isRun(value)) return 'must not be a run of consecutive characters'
  if (withoutWords(value).length < 20) return 'must not be made of common words'
  return entropyBits(value) < LEAST_ENTROPY_BITS ? 'must be random: it has too few different characters' : undefined
}

/** Words that stand in templates to be replaced, and that no generator makes by chance. */
const NEVER_MEANT =
  /change[\s_-]?(?:me|this|it)|chang(?:er|ez)[\s_-]|remplac(?:er|ez)[\s_-]|insecure|do[\s_-]?not[\s_-]?use|replace[\s_-]?(?:me|this)|placeholder|your[\s_-]?(?:secret|key|\d{3}[\s_-]?bit)|example/i

/** What a person types where a secret is asked for. Four letters at least: shorter ones occur in random text. */
const COMMON =
  /secret|passw(?:or)?d|motdepasse|azerty|qwerty|uiop|asdf|ghjk|qsdf|zxcv|default|production|development|staging|super|admin|rempart|token|session|private|public|test|demo|hello|world|please|very|long|string|random|with|that|this|this|must|should|bytes|characters|than|more|least|thirty|jwt|hmac|sign(?:ing|ature)?|encrypt(?:ion)?|django|fastapi|node|express|letmein|0123456789|12345678(?:90?)?|abcdef(?:gh(?:ijkl?)?)?/gi

/** Whether a secret is one that comes with a product, stands in its examples or is tried first by whoever guesses. */
export function isGuessable(value: string): boolean {
  return NEVER_MEANT.test(value) || TRIED_FIRST.test(value) || withoutWords(value).length < 4 || isPeriodic(value)
}

const TRIED_FIRST = /^(?:postgres|postgresql|redis|root|toor|guest|pass|letmein|mysecretpassword|1234567?8?9?0?)$/i

function withoutWords(value: string): string {
  return value.replaceAll(COMMON, '').replaceAll(/[\s_.-]/g, '')
}

/** Whether the whole is at least two turns of one piece, the last one perhaps cut short. */
function isPeriodic(value: string): boolean {
  const prefix = new Array<number>(value.length).fill(0)
  for (let index = 1; index < value.length; index += 1) {
    let matched = prefix[index - 1] ?? 0
    while (matched > 0 && value[index] !== value[matched]) matched = prefix[matched - 1] ?? 0
    prefix[index] = value[index] === value[matched] ? matched + 1 : 0
  }
  return value.length - (prefix.at(-1) ?? 0) <= value.length / 2
}

/** Whether two in three characters only follow, precede or repeat the one before: of 32 random hexadecimal digits, less than one in 10^9 do. */
function isRun(value: string): boolean {
  let steps = 0
  for (let index = 1; index < value.length; index += 1) {
    if (Math.abs(value.charCodeAt(index) - value.charCodeAt(index - 1)) <= 1) steps += 1
  }
  return steps > (value.length * 2) / 3
}

/** Shannon's estimate from the characters' own frequencies, over the whole text. */
function entropyBits(value: string): number {
  const counts = new Map<string, number>()
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= count * Math.log2(count / value.length)
  return bits
}

/** A secret file that cannot be used. The message names the file and what to do, never what it holds. */
export class SecretFileError extends Error {
  override readonly name = 'SecretFileError'
}

/**
 * The secret in a file, made on the first call: 48 random bytes as 64 base64url characters, mode 0600, in a directory of
 * mode 0700 when that has to be made too. Processes that race for it all get the one that was linked first.
 *
 * @throws SecretFileError the file can be read by others, belongs to someone else, is no regular file or is too weak.
 */
export async function loadOrCreateSecret(path: string): Promise<string> {
  const existing = await readSecret(path)
  if (existing !== undefined) return existing

  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await createSecret(path)
  const created = await readSecret(path)
  if (created === undefined) throw new SecretFileError(`${path} was removed while it was being made`)
  return created
}

/** Undefined when there is no file. */
async function readSecret(path: string): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    if (error.code === 'ELOOP') throw new SecretFileError(`${path} is a symbolic link: put the secret there itself`)
    throw new SecretFileError(`${path} cannot be read (${error.code ?? 'unknown error'})`)
  })
  if (file === undefined) return undefined
  try {
    const status = await file.stat()
    if (!status.isFile()) throw new SecretFileError(`${path} is not a regular file`)
    if ((status.mode & 0o077) !== 0) {
      throw new SecretFileError(`${path} can be read or written by other users: run chmod 600 on it, or make a new one`)
    }
    const user = process.geteuid?.()
    if (user !== undefined && user !== 0 && status.uid !== user) {
      throw new SecretFileError(`${path} belongs to another user`)
    }
    const secret = (await file.readFile('utf8')).trim()
    const fault = secretStrengthFault(secret)
    if (fault !== undefined) throw new SecretFileError(`the secret in ${path} ${fault}`)
    return secret
  } finally {
    await file.close()
  }
}

/** Writes beside the path, then links: the name appears with its whole content, or is already someone else's. */
async function createSecret(path: string): Promise<void> {
  const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(`${randomBytes(48).toString('base64url')}\n`)
    await file.sync()
    await link(draft, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await file.close()
    await unlink(draft)
  }
  // The name itself must outlive a power cut: what this secret signs does.
  const directory = await open(dirname(path), constants.O_RDONLY)
  await directory.sync().finally(() => directory.close())
}
