import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { deriveKey, keyLabels, loadOrCreateSecret, SecretFileError, secretStrengthFault } from './secrets.ts'

const master = Buffer.from('00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff', 'hex')

describe('deriveKey', () => {
  it('is HKDF-SHA256 with an empty salt, which any other implementation gives too', async () => {
    const { subtle } = globalThis.crypto
    const key = await subtle.importKey('raw', master, 'HKDF', false, ['deriveBits'])
    const info = new TextEncoder().encode(keyLabels.cursor)
    const bits = await subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info }, key, 256)
    expect(deriveKey(master, keyLabels.cursor)).toEqual(Buffer.from(bits))
  })

  it('gives each purpose a key of its own, the same each time', () => {
    const keys = Object.values(keyLabels).map((label) => deriveKey(master, label).toString('hex'))
    expect(new Set(keys).size).toBe(Object.keys(keyLabels).length)
    expect(Object.values(keyLabels).map((label) => deriveKey(master, label).toString('hex'))).toEqual(keys)
    expect(deriveKey(randomBytes(32), keyLabels.cursor).toString('hex')).not.toBe(keys.at(-1))
  })

  it('has the length asked for', () => {
    expect(deriveKey(master, 'x')).toHaveLength(32)
    expect(deriveKey(master, 'x', 64)).toHaveLength(64)
  })

  it.each([
    [Buffer.alloc(31), 'x', 32],
    [Buffer.alloc(0), 'x', 32],
    [master, '', 32],
    [master, 'x', 15],
    [master, 'x', 65],
    [master, 'x', 32.5],
  ])('refuses a short master, no label or a length out of bounds', (from, label, length) => {
    expect(() => deriveKey(from, label, length)).toThrow(RangeError)
  })
})

describe('secretStrengthFault', () => {
  it.each([
    '',
    'short',
    'a'.repeat(31),
    'a'.repeat(64),
    '0'.repeat(64),
    'ab'.repeat(20),
    'changemechangemechangemechangemechangeme',
    'CHANGER_CLE_CHIFFREMENT_EN_PRODUCTION',
    'CHANGER_EN_PRODUCTION_32_CARACTERES_MIN',
    'change-me-in-production-please-0123456789',
    'CHANGE_THIS_TO_A_LONG_RANDOM_STRING_OF_BYTES',
    'django-insecure-8f$2k1x0zq9w7e6r5t4y3u2i1o0p',
    'your-256-bit-secret-your-256-bit-secret',
    'your_secret_key_goes_here_do_not_share_it',
    'super-secret-key-that-should-be-long-enough',
    'supersecretpassword-supersecretpassword1',
    'abcdefghijklmnopqrstuvwxyz0123456789ABCDEF',
    '0123456789abcdef0123456789abcdef',
    'zyxwvutsrqponmlkjihgfedcba9876543210',
    'azertyuiopqsdfghjklmazertyuiopqsdfghjklm!',
    'qwertyuiopasdfghjklzxcvbnmqwertyuiop',
    'aaaaaaaabbbbbbbbccccccccddddddddeeeeeeee',
    'aabbaabababbabaabbababbaabababbabababbaaabab',
    'password123password123password123pass',
    'example-example-key-7d9f8a6b5c4e3d2f1a0b9c8d',
    ' '.repeat(40),
  ])('refuses %j and does not repeat it', (value) => {
    const fault = secretStrengthFault(value)
    expect(fault).toMatch(/^must /)
    if (value.length > 8) expect(fault).not.toContain(value.slice(0, 8))
  })

  it('takes what generators make, in any usual alphabet', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 64 }),
        fc.constantFrom('hex', 'base64', 'base64url'),
        (_, as) => {
          const bytes = randomBytes(32)
          expect(secretStrengthFault(bytes.toString(as as BufferEncoding))).toBeUndefined()
          expect(secretStrengthFault(bytes.toString('hex').slice(0, 32))).toBeUndefined()
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('judges a long text in linear time', () => {
    const startedAt = performance.now()
    secretStrengthFault('ab'.repeat(250_000))
    secretStrengthFault(`${'a'.repeat(500_000)}b`)
    secretStrengthFault(randomBytes(250_000).toString('hex'))
    expect(performance.now() - startedAt).toBeLessThan(2000)
  })
})

describe('loadOrCreateSecret', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rempart-secret-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  const path = (name = 'secret.key') => join(directory, name)
  const write = async (content: string, mode = 0o600) => {
    await writeFile(path(), content)
    await chmod(path(), mode)
  }

  it('makes a strong secret that only its owner reads, and gives the same one from then on', async () => {
    const secret = await loadOrCreateSecret(path('made/for/it.key'))
    expect(secret).toMatch(/^[\w-]{64}$/)
    expect(secretStrengthFault(secret)).toBeUndefined()
    expect((await stat(path('made/for/it.key'))).mode & 0o777).toBe(0o600)
    expect((await stat(path('made'))).mode & 0o777).toBe(0o700)
    expect(await loadOrCreateSecret(path('made/for/it.key'))).toBe(secret)
  })

  it('makes two installations different secrets', async () => {
    expect(await loadOrCreateSecret(path('a'))).not.toBe(await loadOrCreateSecret(path('b')))
  })

  it('gives every racing call the same secret, and leaves no draft behind', async () => {
    const secrets = await Promise.all(Array.from({ length: 50 }, () => loadOrCreateSecret(path())))
    expect(new Set(secrets).size).toBe(1)
    expect(await readdir(directory)).toEqual(['secret.key'])
    expect((await readFile(path(), 'utf8')).trim()).toBe(secrets[0])
  })

  it('gives racing processes the same secret', async () => {
    const module = new URL('./secrets.ts', import.meta.url).href
    const script = `import { loadOrCreateSecret } from ${JSON.stringify(module)}
      process.stdout.write(await loadOrCreateSecret(process.argv[1]))`
    const run = () => promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script, path()])
    const outputs = await Promise.all([run(), run(), run(), run()])
    expect(new Set(outputs.map(({ stdout }) => stdout)).size).toBe(1)
    expect(outputs[0]?.stdout).toMatch(/^[\w-]{64}$/)
  })

  it.each([0o640, 0o604, 0o620, 0o602, 0o644, 0o610])(
    'refuses a file of mode %o, and says what to do',
    async (mode) => {
      await write(randomBytes(48).toString('base64url'), mode)
      await expect(loadOrCreateSecret(path())).rejects.toThrow(SecretFileError)
      await expect(loadOrCreateSecret(path())).rejects.toThrow(/chmod 600/)
    },
  )

  it('takes a secret put there by hand, with its line end', async () => {
    const secret = randomBytes(32).toString('hex')
    await write(`${secret}\n`)
    expect(await loadOrCreateSecret(path())).toBe(secret)
  })

  it('refuses a weak one without saying it, and does not replace it', async () => {
    await write('hunter2-hunter2')
    const refusal = await loadOrCreateSecret(path()).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(SecretFileError)
    expect(String(refusal)).toContain('must have at least 32 bytes')
    expect(String(refusal)).not.toContain('hunter2')
    expect(await readFile(path(), 'utf8')).toBe('hunter2-hunter2')
  })

  it('refuses an empty file: it is not a secret that is still to be made', async () => {
    await write('')
    await expect(loadOrCreateSecret(path())).rejects.toThrow(SecretFileError)
  })

  it('follows no symbolic link, and reads no directory', async () => {
    await write(randomBytes(48).toString('base64url'))
    await symlink(path(), path('link'))
    await expect(loadOrCreateSecret(path('link'))).rejects.toThrow(/symbolic link/)
    await expect(loadOrCreateSecret(directory)).rejects.toThrow(SecretFileError)
  })
})
