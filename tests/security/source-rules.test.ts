import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

/**
 * What no line of the product's own source does. A rule names the few files that may, and each of them must still need
 * to be named.
 */

const sources = readdirSync('packages', { recursive: true, encoding: 'utf8' })
  .filter((path) => /^(?:cli|gateway|guard|server)\/src\/.*\.ts$/.test(path))
  .filter((path) => !/\.test\.ts$|\/testing\//.test(path))
  .map((path) => ({ path, text: withoutComments(readFileSync(join('packages', path), 'utf8')) }))

/** A text without its comments, so that a word in one breaks no rule. */
function withoutComments(text: string): string {
  return text.replace(/^\s*(?:\/\*[\s\S]*?\*\/|\/\/.*)$/gm, '')
}

/** The files that have something of a kind, each with every different thing of it. */
function found(pattern: RegExp): Record<string, readonly string[]> {
  const files = sources.map(({ path, text }) => {
    const things = [...text.matchAll(pattern)].map(([whole, group]) => group ?? whole)
    return [path, [...new Set(things)].toSorted()] as const
  })
  return Object.fromEntries(files.filter(([, things]) => things.length > 0))
}

const everything = (pattern: RegExp): string[] => [...new Set(Object.values(found(pattern)).flat())].toSorted()

it('the rules below have read the source of every package', () => {
  expect(new Set(sources.map(({ path }) => path.split('/')[0]))).toEqual(new Set(['cli', 'gateway', 'guard', 'server']))
  expect(sources.length).toBeGreaterThan(300)
})

describe('text', () => {
  it('is never run as code', () => {
    expect(found(/\beval\(|\bFunction\(|from 'node:vm'|\bsetTimeout\(\s*['"`]/g)).toEqual({})
  })

  it('is never given to a shell: programs are started with a list of arguments, and by the embedded database alone', () => {
    expect(found(/import \{([^}]*)\} from 'node:child_process'/g)).toEqual({
      'server/src/database/embedded-pid-file.ts': [' execFileSync '],
      'server/src/database/embedded-process.ts': [' spawn '],
      'server/src/database/embedded-program.ts': [' type SpawnOptions, spawn '],
      'server/src/database/embedded-user.ts': [' execFileSync '],
    })
    expect(found(/\bshell:/g)).toEqual({})
  })

  it('from outside never becomes a regular expression', () => {
    // Each of these is made of constants of its own file, or of the patterns of our schemas.
    expect(Object.keys(found(/new RegExp\(/g)).toSorted()).toEqual([
      'gateway/src/answer-head.ts',
      'gateway/src/request-head.ts',
      'server/src/core/credentials/opaque-token.ts',
      'server/src/core/credentials/recovery-code.ts',
      'server/src/core/mail/mailbox-message.ts',
      'server/src/core/openapi/example.ts',
      'server/src/modules/leads/csv.ts',
    ])
  })
})

describe('cryptography', () => {
  it('hashes with SHA-256; with SHA-1 only where another side names what it hashes', () => {
    expect(everything(/create(?:Hash|Hmac)\(\s*'?([\w-]+)/g)).toEqual(['sha1', 'sha256'])
    expect(Object.keys(found(/'sha-?1'/gi)).toSorted()).toEqual([
      // The name that Redis gives to a script.
      'guard/src/stores/redis/lua.ts',
      // The range search of breached passwords.
      'server/src/core/credentials/hibp.ts',
      // The HMAC of authenticator apps, most of which know no other.
      'server/src/core/credentials/totp.ts',
    ])
    expect(found(/'(?:md[45]|ripemd\w*|des(?:-[\w-]+)?|rc4|bf|blowfish)'/gi)).toEqual({})
  })

  it('encrypts with AES-256-GCM alone, and in one file', () => {
    expect(found(/create(?:Cipher|Decipher)(?:iv)?\(\s*([^,]+),/g)).toEqual({
      'server/src/core/credentials/sealing.ts': ["'aes-256-gcm'"],
    })
    expect(found(/publicEncrypt|privateDecrypt|RSA_PKCS1_PADDING|subtle\.encrypt/g)).toEqual({})
  })

  it('makes keys of one kind alone: Ed25519', () => {
    expect(found(/generateKeyPair(?:Sync)?\(\s*([^),]+)/g)).toEqual({
      'server/src/core/tokens/signing-key.ts': ["'ed25519'"],
    })
  })

  it('stretches passwords with Argon2id, or verifies imported bcrypt; PBKDF2 is a proof of work alone', () => {
    expect(everything(/\bargon2\(\s*'?([\w-]+)/g)).toEqual(['argon2id'])
    expect(Object.keys(found(/from '@node-rs\/bcrypt'/g))).toEqual(['server/src/core/credentials/password-hasher.ts'])
    expect(Object.keys(found(/\bpbkdf2\(|\bscrypt/g))).toEqual(['guard/src/signals/altcha-v2.ts'])
  })

  it('draws nothing from a predictable generator but the length of pauses', () => {
    expect(Object.keys(found(/Math\.random\b/g)).toSorted()).toEqual([
      'server/src/core/mail/pace.ts',
      'server/src/core/outbound/outbound.ts',
      'server/src/modules/webhooks/schedule.ts',
    ])
  })

  it('never leaves the certificate of another server unlooked at', () => {
    expect(found(/rejectUnauthorized|checkServerIdentity|NODE_TLS_REJECT_UNAUTHORIZED/g)).toEqual({})
  })
})

it('cookies are made in one place, which gives each its prefix and its attributes', () => {
  expect(found(/SameSite=/g)).toEqual({ 'server/src/core/browser/cookies.ts': ['SameSite='] })
  const names = found(/'((?:__Host-)?rmp_(?:at|rt|device|[a-z]+))'/g)
  expect(Object.values(names).flat()).toEqual(
    expect.arrayContaining(['__Host-rmp_at', '__Host-rmp_rt', '__Host-rmp_device']),
  )
  expect(
    Object.values(names)
      .flat()
      .filter((name) => !name.startsWith('__Host-')),
  ).toEqual([])
})

it('no question, hint or answer to a question stands in for a password', () => {
  const columns = readFileSync('packages/server/src/database/tables.generated.ts', 'utf8')
  expect(columns).toMatch(/^\s*hash: /m)
  expect(columns).not.toMatch(/^\s*\w*(?:hint|secret_question|security_question|security_answer)\w*: /m)
})

it('every package of the lockfile has one version, and its hash unless it is for another platform', () => {
  interface Entry {
    readonly link?: boolean
    readonly version?: string
    readonly resolved?: string
    readonly integrity?: string
    readonly os?: readonly string[]
  }
  const lock: { packages: Record<string, Entry> } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
  const installed = Object.entries(lock.packages).filter(
    ([path, { link }]) => path.includes('node_modules/') && link !== true,
  )
  expect(installed.length).toBeGreaterThan(100)
  for (const [path, { version, resolved, integrity, os }] of installed) {
    expect(version, path).toMatch(/^\d+\.\d+\.\d+/)
    // From a registry, and neither from a repository nor from a file.
    expect(resolved ?? 'https://', path).toMatch(/^https:\/\//)
    if (os === undefined) expect(integrity, path).toMatch(/^sha512-/)
  }
})
