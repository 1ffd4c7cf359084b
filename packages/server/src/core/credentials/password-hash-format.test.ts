import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { argon2CostFault, formatArgon2, parseStoredPassword } from './password-hash-format.ts'

const salt = 'c29tZXNhbHRzb21lc2FsdA'
const tag = 'CWhFUYRaVv5NnQPCBqzZ4DrvRThhiE0GEJpQiWx6B+o'
const bcryptBody = `${'a'.repeat(21)}O${'b'.repeat(31)}`

describe('parseStoredPassword', () => {
  it('reads back whatever was written, in one spelling', () => {
    fc.assert(
      fc.property(
        fc.record({
          cost: fc.record({
            memoryKib: fc.integer({ min: 64, max: 65_536 }),
            passes: fc.integer({ min: 1, max: 16 }),
            parallelism: fc.integer({ min: 1, max: 8 }),
          }),
          pepperId: fc.option(fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/), { nil: undefined }),
          salt: fc.uint8Array({ minLength: 9, maxLength: 64 }).map((array) => Buffer.from(array)),
          tag: fc.uint8Array({ minLength: 17, maxLength: 64 }).map((array) => Buffer.from(array)),
        }),
        (stored) => {
          const text = formatArgon2(stored)
          expect(parseStoredPassword(text)).toEqual({ scheme: 'argon2id', ...stored })
        },
      ),
    )
  })

  it('keeps the id of the pepper as keyid in base64, as the PHC format has it', () => {
    const cost = { memoryKib: 19_456, passes: 2, parallelism: 1 }
    const text = formatArgon2({ cost, pepperId: 'p1', salt: Buffer.alloc(16), tag: Buffer.alloc(32) })
    expect(text).toBe(`$argon2id$v=19$m=19456,t=2,p=1,keyid=cDE$${'A'.repeat(22)}$${'A'.repeat(43)}`)
  })

  it.each([
    ['a gigabyte', `$argon2id$v=19$m=1048576,t=1,p=1$${salt}$${tag}`],
    ['memory beyond 32 bits', `$argon2id$v=19$m=99999999999,t=1,p=1$${salt}$${tag}`],
    ['99 passes', `$argon2id$v=19$m=19456,t=99,p=1$${salt}$${tag}`],
    ['many passes over much memory', `$argon2id$v=19$m=262144,t=16,p=1$${salt}$${tag}`],
    ['too many lanes', `$argon2id$v=19$m=19456,t=2,p=255$${salt}$${tag}`],
    ['less memory than the lanes need', `$argon2id$v=19$m=8,t=1,p=2$${salt}$${tag}`],
    ['no passes', `$argon2id$v=19$m=19456,t=0,p=1$${salt}$${tag}`],
    ['a leading zero', `$argon2id$v=19$m=019456,t=2,p=1$${salt}$${tag}`],
    ['an exponent', `$argon2id$v=19$m=1e4,t=2,p=1$${salt}$${tag}`],
    ['another order', `$argon2id$v=19$t=2,m=19456,p=1$${salt}$${tag}`],
    ['another variant', `$argon2i$v=19$m=19456,t=2,p=1$${salt}$${tag}`],
    ['the older version', `$argon2id$v=16$m=19456,t=2,p=1$${salt}$${tag}`],
    ['no version', `$argon2id$m=19456,t=2,p=1$${salt}$${tag}`],
    ['padding', `$argon2id$v=19$m=19456,t=2,p=1$${salt}==$${tag}=`],
    ['trailing bits in the tag', `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${tag.slice(0, -1)}p`],
    ['an empty tag, which everything would equal', `$argon2id$v=19$m=19456,t=2,p=1$${salt}$`],
    ['a tag of one byte, which one password in 256 would equal', `$argon2id$v=19$m=19456,t=2,p=1$${salt}$AA`],
    ['no salt', `$argon2id$v=19$m=19456,t=2,p=1$$${tag}`],
    ['a line break after it', `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${tag}\n`],
    ['a space before it', ` $argon2id$v=19$m=19456,t=2,p=1$${salt}$${tag}`],
    ['data', `$argon2id$v=19$m=19456,t=2,p=1,data=AAAA$${salt}$${tag}`],
    ['a pepper id that is none', `$argon2id$v=19$m=19456,t=2,p=1,keyid=Li4$${salt}$${tag}`],
    ['a bcrypt of cost 31, which takes days', `$2b$31$${bcryptBody}`],
    ['a bcrypt of cost 03', `$2b$03$${bcryptBody}`],
    ['the faulty bcrypt 2x', `$2x$10$${bcryptBody}`],
    ['a short bcrypt', `$2b$10$${bcryptBody.slice(1)}`],
    ['an MD5 crypt', '$1$saltsalt$2vnaRpHa6Jxjz5n83ok8Z0'],
    ['plain text', 'correct horse battery staple'],
    ['nothing', ''],
  ])('refuses %s', (_, text) => {
    expect(parseStoredPassword(text)).toBeUndefined()
  })

  it.each(['2a', '2b', '2y'])('reads a bcrypt of kind %s', (kind) => {
    const encoded = `$${kind}$12$${bcryptBody}`
    expect(parseStoredPassword(encoded)).toEqual({ scheme: 'bcrypt', cost: 12, encoded })
  })

  it('answers for any text at all without throwing, and never with a cost out of bounds', () => {
    const parts = fc.constantFrom(
      '$',
      'argon2id',
      'v=19',
      'm=',
      't=',
      'p=',
      ',',
      '99999',
      '1',
      salt,
      tag,
      '2b',
      'keyid=',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(parts, { maxLength: 20 }).map((list) => list.join('')),
        ),
        (text) => {
          const parsed = parseStoredPassword(text)
          return parsed?.scheme !== 'argon2id' || argon2CostFault(parsed.cost) === undefined
        },
      ),
    )
  })
})
