import { argon2Sync, createHmac } from 'node:crypto'
import { hash as bcryptHash } from '@node-rs/bcrypt'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HashQueueFullError } from './hash-queue.ts'
import { createPasswordHasher, type HashWork, type PasswordHasherOptions } from './password-hasher.ts'

/** Cheap, so that a test hashes many. What is promised does not depend on the cost. */
const parameters = { memoryKib: 64, passes: 1, parallelism: 1 }
const older = { memoryKib: 128, passes: 2, parallelism: 1 }
const pepper = { id: 'p1', key: Buffer.alloc(32, 7) }

function countedHasher(options: PasswordHasherOptions = {}) {
  const schemes: HashWork['scheme'][] = []
  const hasher = createPasswordHasher({ parameters, ...options, observe: ({ scheme }) => schemes.push(scheme) })
  async function workOf(act: () => Promise<unknown>): Promise<HashWork['scheme'][]> {
    schemes.length = 0
    await act()
    return [...schemes]
  }
  return { hasher, workOf }
}

const legacy = (password: string | Buffer) => bcryptHash(password, { cost: 4 })

describe('hash and verifyAlways', () => {
  it('makes a PHC string of the default cost, and knows the password again', async () => {
    const hasher = createPasswordHasher()
    const stored = await hasher.hash('correct horse battery staple')
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
    expect(await hasher.verifyAlways('correct horse battery staple', stored)).toEqual({
      matches: true,
      needsRehash: false,
      fault: undefined,
    })
    expect((await hasher.verifyAlways('correct horse battery stapl', stored)).matches).toBe(false)
  })

  it('gives two people with one password two hashes', async () => {
    const { hasher } = countedHasher()
    expect(await hasher.hash('the same password')).not.toBe(await hasher.hash('the same password'))
  })

  it('reads what other Argon2id libraries write', async () => {
    // The vector of the reference implementation's test.c: version 0x13, t=2, m=64 MiB, p=1, "password", "somesalt".
    const stored = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
    const { hasher } = countedHasher()
    expect(await hasher.verifyAlways('password', stored)).toMatchObject({ matches: true, needsRehash: true })
    expect((await hasher.verifyAlways('Password', stored)).matches).toBe(false)
  })

  it('takes both ways of writing é for one password, and no other change', async () => {
    const { hasher } = countedHasher()
    const stored = await hasher.hash('cafe\u0301 au lait matin')
    expect((await hasher.verifyAlways('caf\u00e9 au lait matin', stored)).matches).toBe(true)
    for (const other of [
      ' caf\u00e9 au lait matin',
      'caf\u00e9 au lait matin ',
      'cafe au lait matin',
      'CAFÉ AU LAIT MATIN',
    ]) {
      expect((await hasher.verifyAlways(other, stored)).matches, other).toBe(false)
    }
  })

  it('knows any password again and no other', async () => {
    const { hasher } = countedHasher()
    const passwords = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 128 })
    await fc.assert(
      fc.asyncProperty(passwords, passwords, async (password, other) => {
        const stored = await hasher.hash(password)
        expect((await hasher.verifyAlways(password, stored)).matches).toBe(true)
        const isSame = password.normalize('NFC') === other.normalize('NFC')
        expect((await hasher.verifyAlways(other, stored)).matches).toBe(isSame)
      }),
      { numRuns: 40 },
    )
  })

  it('takes two passwords for two that differ after 1000 characters, after a NUL, or in a broken character', async () => {
    const { hasher } = countedHasher()
    const long = 'x'.repeat(1000)
    expect((await hasher.verifyAlways(`${long}b`, await hasher.hash(`${long}a`))).matches).toBe(false)
    expect((await hasher.verifyAlways('before\0b', await hasher.hash('before\0a'))).matches).toBe(false)
    await expect(hasher.hash('half a character \ud800')).rejects.toThrow(RangeError)
    const replaced = await hasher.hash('half a character \ufffd')
    expect((await hasher.verifyAlways('half a character \ud800', replaced)).matches).toBe(false)
  })

  it('does not hash a password of a megabyte', async () => {
    const { hasher } = countedHasher()
    const megabyte = 'x'.repeat(1_048_576)
    await expect(hasher.hash(megabyte)).rejects.toThrow(RangeError)
    expect((await hasher.verifyAlways(megabyte, await hasher.hash('x'))).matches).toBe(false)
  })
})

describe('pepper', () => {
  it('makes the hash worthless without the key, and names the key beside it', async () => {
    const { hasher } = countedHasher({ pepper })
    const stored = await hasher.hash('a peppered password')
    expect(stored).toContain(',keyid=cDE$')
    expect((await hasher.verifyAlways('a peppered password', stored)).matches).toBe(true)
    const thief = countedHasher().hasher
    const bare = stored.replace(',keyid=cDE', '')
    expect((await thief.verifyAlways('a peppered password', bare)).matches).toBe(false)
    const otherKey = countedHasher({ pepper: { id: 'p1', key: Buffer.alloc(32, 8) } }).hasher
    expect((await otherKey.verifyAlways('a peppered password', stored)).matches).toBe(false)
  })

  it('is the key of an HMAC-SHA-256 over the password, which Argon2id then hashes', async () => {
    const stored = await countedHasher({ pepper }).hasher.hash('a peppered password')
    const [salt = '', tag] = stored.split('$').slice(-2)
    const expected = argon2Sync('argon2id', {
      message: createHmac('sha256', pepper.key).update('a peppered password').digest(),
      nonce: Buffer.from(salt, 'base64'),
      ...{ memory: 64, passes: 1, parallelism: 1, tagLength: 32 },
    })
    expect(Buffer.from(tag ?? '', 'base64')).toEqual(expected)
  })

  it('rotates: the old one still opens and asks for a new hash; none at all asks for one too', async () => {
    const before = await countedHasher().hasher.hash('an old password')
    const old = await countedHasher({ pepper }).hasher.hash('an old password')
    const { hasher } = countedHasher({ pepper: { id: 'p2', key: Buffer.alloc(32, 9) }, previousPeppers: [pepper] })
    for (const stored of [before, old]) {
      expect(await hasher.verifyAlways('an old password', stored)).toMatchObject({ matches: true, needsRehash: true })
    }
  })

  it('says so to the operator, and lets nobody in, when the key of a stored hash is gone', async () => {
    const stored = await countedHasher({ pepper }).hasher.hash('a lost pepper here')
    const { hasher, workOf } = countedHasher()
    const verdict = await hasher.verifyAlways('a lost pepper here', stored)
    expect(verdict).toEqual({ matches: false, needsRehash: false, fault: 'unknown-pepper' })
    expect(await workOf(() => hasher.verifyAlways('a lost pepper here', stored))).toEqual(['argon2id'])
  })

  it.each([
    ['a short key', { id: 'p1', key: Buffer.alloc(31) }],
    ['an id the format cannot hold', { id: 'pepper-two-thousand', key: Buffer.alloc(32) }],
    ['an id with a comma', { id: 'a,b', key: Buffer.alloc(32) }],
  ])('refuses %s', (_, faulty) => {
    expect(() => createPasswordHasher({ pepper: faulty })).toThrow(RangeError)
  })
})

describe('the cost of a check (class 21: enumeration by timing)', () => {
  it('is one Argon2id for a known, wrong, unknown, unreadable and over-long password alike', async () => {
    const { hasher, workOf } = countedHasher()
    const stored = await hasher.hash('a known password')
    const cases: [string, string | undefined][] = [
      ['a known password', stored],
      ['a wrong password', stored],
      ['a known password', undefined],
      ['', undefined],
      ['a known password', 'not a hash'],
      ['a known password', '$2b$04$aaaaaaaaaaaaaaaaaaaaaObbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'],
      ['broken \udfff', stored],
      ['x'.repeat(2000), stored],
    ]
    for (const [password, hash] of cases) {
      expect(await workOf(() => hasher.verifyAlways(password, hash)), password).toEqual(['argon2id'])
    }
  })

  it('is one Argon2id and one bcrypt for everybody while bcrypt hashes are left', async () => {
    const { hasher, workOf } = countedHasher({ legacyBcrypt: { cost: 4 } })
    const cases: [string, string | undefined][] = [
      ['a known password', await hasher.hash('a known password')],
      ['a known password', await legacy('a known password')],
      ['a wrong password', await legacy('a known password')],
      ['x'.repeat(100), await legacy('x'.repeat(100))],
      ['nul\0byte', await legacy('nul')],
      ['a known password', undefined],
      ['a known password', 'not a hash'],
    ]
    for (const [password, hash] of cases) {
      expect(await workOf(() => hasher.verifyAlways(password, hash)), password).toEqual(['argon2id', 'bcrypt'])
    }
  })

  it('is one of each cost for everybody while hashes of an older cost are left', async () => {
    const old = await countedHasher({ parameters: older }).hasher.hash('an old password')
    const { hasher, workOf } = countedHasher({ previousParameters: [older] })
    expect(await hasher.verifyAlways('an old password', old)).toMatchObject({ matches: true, needsRehash: true })
    for (const stored of [old, await hasher.hash('an old password'), undefined]) {
      expect(await workOf(() => hasher.verifyAlways('an old password', stored))).toEqual(['argon2id', 'argon2id'])
    }
  })

  it('lets people in whose hash has a cost that nobody named, and asks for a new hash', async () => {
    const old = await countedHasher({ parameters: older }).hasher.hash('an old password')
    expect(await countedHasher().hasher.verifyAlways('an old password', old)).toMatchObject({
      matches: true,
      needsRehash: true,
    })
  })
})

describe('imported bcrypt hashes (class 22: truncation)', () => {
  const legacyBcrypt = { cost: 4 }

  it.each(['2a', '2b', '2y'] as const)(
    'lets the owner of a %s hash in, and asks for an Argon2id hash',
    async (version) => {
      const stored = await bcryptHash('a legacy password', { cost: 4, version })
      const { hasher } = countedHasher({ legacyBcrypt })
      expect(await hasher.verifyAlways('a legacy password', stored)).toMatchObject({ matches: true, needsRehash: true })
      expect((await hasher.verifyAlways('a legacy passwore', stored)).matches).toBe(false)
      expect(await hasher.hash('a legacy password')).toMatch(/^\$argon2id\$/)
    },
  )

  it('lets nobody in with the first 72 bytes of a long password, nor with anything after them', async () => {
    const long = `${'0123456789'.repeat(7)}ab-and-the-rest`
    const stored = await legacy(long)
    const { hasher } = countedHasher({ legacyBcrypt })
    for (const attempt of [long, long.slice(0, 72), `${long.slice(0, 72)}anything`]) {
      expect((await hasher.verifyAlways(attempt, stored)).matches, attempt).toBe(false)
    }
    const rehashed = await hasher.hash(long)
    expect((await hasher.verifyAlways(long, rehashed)).matches).toBe(true)
    expect((await hasher.verifyAlways(long.slice(0, 72), rehashed)).matches).toBe(false)
  })

  it('counts bytes, not characters: 24 characters of three bytes are too many', async () => {
    const { hasher } = countedHasher({ legacyBcrypt })
    const [fits, cut] = ['€'.repeat(23), '€'.repeat(24)]
    expect((await hasher.verifyAlways(fits, await legacy(fits))).matches).toBe(true)
    expect((await hasher.verifyAlways(cut, await legacy(cut))).matches).toBe(false)
  })

  it('lets nobody in by what stands before a NUL, and not with an empty password', async () => {
    const { hasher } = countedHasher({ legacyBcrypt })
    expect((await hasher.verifyAlways('short\0anything', await legacy('short'))).matches).toBe(false)
    expect((await hasher.verifyAlways('short', await legacy(Buffer.from('short\0anything')))).matches).toBe(false)
    expect((await hasher.verifyAlways('a\0a', await legacy('a'))).matches).toBe(false)
    expect((await hasher.verifyAlways('', await legacy(''))).matches).toBe(false)
  })

  it('lets nobody in by bcrypt once it is switched off, and tells the operator', async () => {
    const stored = await legacy('a legacy password')
    expect(await countedHasher().hasher.verifyAlways('a legacy password', stored)).toEqual({
      matches: false,
      needsRehash: false,
      fault: 'bcrypt-not-allowed',
    })
  })
})

describe('the queue', () => {
  it('refuses what is over its bound before hashing anything, and serves the others', async () => {
    const { hasher } = countedHasher({ concurrency: 1, maxQueue: 2 })
    const answers = await Promise.allSettled(Array.from({ length: 6 }, () => hasher.verifyAlways('a flood', undefined)))
    expect(answers.map(({ status }) => status)).toEqual([
      ...Array.from({ length: 3 }, () => 'fulfilled'),
      ...Array.from({ length: 3 }, () => 'rejected'),
    ])
    expect(answers.at(-1)).toMatchObject({ reason: expect.any(HashQueueFullError) })
    expect(hasher.load()).toEqual({ running: 0, waiting: 0 })
  })
})

it.each([
  { memoryKib: 4, passes: 1, parallelism: 1 },
  { memoryKib: 1_048_576, passes: 1, parallelism: 1 },
  { memoryKib: 19_456, passes: 0, parallelism: 1 },
  { memoryKib: 19_456.5, passes: 2, parallelism: 1 },
])('refuses to be made with m=$memoryKib, t=$passes', (faulty) => {
  expect(() => createPasswordHasher({ parameters: faulty })).toThrow(RangeError)
})
