import { describe, expect, it } from 'vitest'
import { createOpaqueToken } from './opaque-token.ts'
import { sealSuccessor, unsealSuccessor } from './sealed-successor.ts'
import { UnsealError } from './sealing.ts'

const owner = ['tenant-a', 'session-1']

describe('sealSuccessor', () => {
  it('gives the holder of the old token the same successor, as often as asked', () => {
    const [old, next] = [createOpaqueToken('refresh'), createOpaqueToken('refresh')]
    const sealed = sealSuccessor(old.token, next.token, owner)
    expect(sealed).toHaveLength(65)
    expect([1, 2].map(() => unsealSuccessor(old.token, sealed, owner))).toEqual([next.token, next.token])
  })

  it('gives a thief of the database nothing: neither the hash, nor the successor, nor another token opens it', () => {
    const [old, next] = [createOpaqueToken('refresh'), createOpaqueToken('refresh')]
    const sealed = sealSuccessor(old.token, next.token, owner)
    const guesses = [next.token, createOpaqueToken('refresh').token, `rmp_rt_${old.hash.toString('base64url')}`]
    for (const guess of guesses) expect(() => unsealSuccessor(guess, sealed, owner)).toThrow(UnsealError)
    expect(sealed.includes(Buffer.from(next.token.slice(7), 'base64url'))).toBe(false)
  })

  it('does not open in the row of another session or tenant, nor damaged', () => {
    const [old, next] = [createOpaqueToken('refresh'), createOpaqueToken('refresh')]
    const sealed = sealSuccessor(old.token, next.token, owner)
    expect(() => unsealSuccessor(old.token, sealed, ['tenant-a', 'session-2'])).toThrow(UnsealError)
    expect(() => unsealSuccessor(old.token, sealed, ['tenant-b', 'session-1'])).toThrow(UnsealError)
    expect(() => unsealSuccessor(old.token, sealed.subarray(0, -1), owner)).toThrow(UnsealError)
    expect(() => unsealSuccessor(old.token, Buffer.alloc(0), owner)).toThrow(UnsealError)
  })

  it('seals refresh tokens only', () => {
    const [refresh, reset] = [createOpaqueToken('refresh').token, createOpaqueToken('passwordReset').token]
    expect(() => sealSuccessor(refresh, reset, owner)).toThrow(RangeError)
    expect(() => sealSuccessor(reset, refresh, owner)).toThrow(RangeError)
  })
})
