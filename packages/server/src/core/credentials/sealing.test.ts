import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyLabels } from '../secrets.ts'
import { createKeyRing, needsReseal, seal, UnsealError, unseal } from './sealing.ts'

const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
const ring = createKeyRing({ current: first }, keyLabels.totpSecret)
const owner = ['tenant-a', 'user-1', 'totp']
const secret = Buffer.from('a secret of twenty b')

describe('seal and unseal', () => {
  it('give back any bytes under the same list, and show none of them', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.array(fc.string({ unit: 'grapheme' })), (bytes, aad) => {
        const sealed = seal(ring, bytes, aad)
        expect(sealed).toHaveLength(bytes.length + 33)
        expect(unseal(ring, sealed, aad)).toEqual(Buffer.from(bytes))
      }),
    )
    expect(seal(ring, secret, owner).includes(secret)).toBe(false)
  })

  it('take a fresh nonce each time', () => {
    const nonces = Array.from({ length: 500 }, () => seal(ring, secret, owner).subarray(5, 17).toString('hex'))
    expect(new Set(nonces).size).toBe(500)
  })

  it.each([
    ['another tenant', ['tenant-b', 'user-1', 'totp']],
    ['another user', ['tenant-a', 'user-2', 'totp']],
    ['another purpose', ['tenant-a', 'user-1', 'mailbox']],
    ['a border moved', ['tenant-au', 'ser-1', 'totp']],
    ['two parts joined', ['tenant-auser-1', 'totp']],
    ['an empty part more', ['tenant-a', 'user-1', 'totp', '']],
    ['a part less', ['tenant-a', 'user-1']],
    ['no list', []],
  ])('do not open a value that was moved to %s', (_, other) => {
    expect(() => unseal(ring, seal(ring, secret, owner), other)).toThrow(UnsealError)
  })

  it('bind any two different lists apart', () => {
    const lists = fc.array(fc.string({ maxLength: 3 }), { maxLength: 4 })
    fc.assert(
      fc.property(lists, lists, (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other))
        expect(() => unseal(ring, seal(ring, secret, one), other)).toThrow(UnsealError)
      }),
    )
  })

  it('refuse a value with any bit flipped, cut anywhere, or lengthened, all with the same words', () => {
    const sealed = seal(ring, secret, owner)
    const damaged = [
      ...Array.from({ length: sealed.length * 8 }, (_, bit) => {
        const copy = Buffer.from(sealed)
        copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        return copy
      }),
      ...Array.from({ length: sealed.length }, (_, length) => sealed.subarray(0, length)),
      Buffer.concat([sealed, Buffer.of(0)]),
      randomBytes(100),
    ]
    const answers = damaged.map((bytes) => {
      try {
        return unseal(ring, bytes, owner).toString()
      } catch (error) {
        return error
      }
    })
    const told = new Set(
      answers.map((answer) => (answer instanceof UnsealError ? `${answer} ${answer.cause}` : 'opened')),
    )
    expect([...told]).toEqual(['UnsealError: the value cannot be unsealed undefined'])
  })

  it('do not open under another master, nor under another purpose of the same one', () => {
    const sealed = seal(ring, secret, owner)
    expect(() => unseal(createKeyRing({ current: second }, keyLabels.totpSecret), sealed, owner)).toThrow(UnsealError)
    expect(() => unseal(createKeyRing({ current: first }, keyLabels.mailbox), sealed, owner)).toThrow(UnsealError)
  })

  it('read a value that lies inside a larger buffer', () => {
    const sealed = seal(ring, secret, owner)
    const larger = new Uint8Array([9, 9, ...sealed, 9])
    expect(unseal(ring, larger.subarray(2, -1), owner)).toEqual(secret)
  })

  it('refuse a list that holds half a character: two such would be bound as one', () => {
    expect(() => seal(ring, secret, ['\ud800'])).toThrow(TypeError)
    expect(() => unseal(ring, seal(ring, secret, ['\ufffd']), ['\ud800'])).toThrow(UnsealError)
  })
})

describe('createKeyRing', () => {
  it('rotates: old values open, new ones are sealed under the new key, old ones are told apart', () => {
    const old = seal(ring, secret, owner)
    const rotated = createKeyRing({ current: second, previous: [first] }, keyLabels.totpSecret)
    const renewed = seal(rotated, unseal(rotated, old, owner), owner)
    expect([needsReseal(rotated, old), needsReseal(rotated, renewed)]).toEqual([true, false])
    expect(() => unseal(ring, renewed, owner)).toThrow(UnsealError)
    expect(unseal(createKeyRing({ current: second }, keyLabels.totpSecret), renewed, owner)).toEqual(secret)
  })

  it('refuses a short master and the same master twice', () => {
    expect(() => createKeyRing({ current: Buffer.alloc(31) }, keyLabels.totpSecret)).toThrow(RangeError)
    expect(() => createKeyRing({ current: first, previous: [first] }, keyLabels.totpSecret)).toThrow(RangeError)
  })
})
