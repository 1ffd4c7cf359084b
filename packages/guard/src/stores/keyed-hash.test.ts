import { describe, expect, it } from 'vitest'
import { absorbText, copyHashState, createHashSeed, finishHash, type HashState } from './keyed-hash.ts'

function hash(seed: HashState, ...texts: readonly string[]): bigint {
  const state = copyHashState(seed)
  for (const text of texts) absorbText(state, text)
  finishHash(state)
  return (BigInt(state.v0 >>> 0) << 32n) | BigInt(state.v1 >>> 0)
}

describe('the hash of a key', () => {
  it('is the same for the same texts under one seed, and another under each other seed', () => {
    const seed = createHashSeed()
    expect(hash(seed, 'policy', 'ip', '192.0.2.1')).toBe(hash(seed, 'policy', 'ip', '192.0.2.1'))
    const hashes = Array.from({ length: 100 }, () => hash(createHashSeed(), '192.0.2.1'))
    expect(new Set(hashes).size).toBe(100)
  })

  it('tells apart lists that read the same when joined', () => {
    const seed = createHashSeed()
    const lists = [
      ['abc', ''],
      ['ab', 'c'],
      ['a', 'bc'],
      ['', 'abc'],
      ['abc\u0000', ''],
      ['abc', '\u0000'],
    ]
    expect(new Set(lists.map((texts) => hash(seed, ...texts))).size).toBe(lists.length)
  })

  it('tells apart 200,000 neighbouring addresses and spreads them evenly over both halves', () => {
    const seed = createHashSeed()
    const high = new Uint32Array(64)
    const low = new Uint32Array(64)
    const seen = new Set<bigint>()
    for (let index = 0; index < 200_000; index += 1) {
      const value = hash(seed, `10.${index >>> 16}.${(index >>> 8) & 255}.${index & 255}`)
      seen.add(value)
      high[Number(value >> 58n)] = (high[Number(value >> 58n)] ?? 0) + 1
      low[Number(value & 63n)] = (low[Number(value & 63n)] ?? 0) + 1
    }
    expect(seen.size).toBe(200_000)
    // 3,125 are expected in each bucket; six standard deviations are 333.
    for (const bucket of [...high, ...low]) expect(Math.abs(bucket - 3_125)).toBeLessThan(333)
  })
})
