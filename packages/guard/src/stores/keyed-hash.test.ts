import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { absorbText, copyHashState, createHashSeed, finishHash, type HashState, hashText } from './keyed-hash.ts'

function hash(seed: HashState, ...texts: readonly string[]): bigint {
  const state = copyHashState(seed)
  for (const text of texts) absorbText(state, text)
  finishHash(state)
  return (BigInt(state.v0 >>> 0) << 32n) | BigInt(state.v1 >>> 0)
}

const turned = (word: number, bits: number) => (word << bits) | (word >>> (32 - bits))

/** One round of HalfSipHash, step by step as its authors write it. */
function round(state: HashState): void {
  state.v0 = (state.v0 + state.v1) | 0
  state.v1 = turned(state.v1, 5) ^ state.v0
  state.v0 = turned(state.v0, 16)
  state.v2 = (state.v2 + state.v3) | 0
  state.v3 = turned(state.v3, 8) ^ state.v2
  state.v0 = (state.v0 + state.v3) | 0
  state.v3 = turned(state.v3, 7) ^ state.v0
  state.v2 = (state.v2 + state.v1) | 0
  state.v1 = turned(state.v1, 13) ^ state.v2
  state.v2 = turned(state.v2, 16)
}

/** A text as words: its length, then four units to each, the last four in the last; else its complement, and pairs. */
function wordsOf(text: string): number[] {
  const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index))
  const isNarrow = units.length >= 4 && units.every((unit) => unit < 256)
  const size = isNarrow ? 4 : 2
  const starts = Array.from({ length: Math.ceil(units.length / size) }, (_, index) => index * size)
  const from = (start: number) => (isNarrow ? Math.min(start, units.length - 4) : start)
  const word = (chunk: readonly number[]) =>
    chunk.reduce((sum, unit, place) => sum | (unit << ((place * 32) / size)), 0)
  return [
    isNarrow ? units.length : ~units.length,
    ...starts.map((start) => word(units.slice(from(start), from(start) + size))),
  ]
}

/** HalfSipHash-1-3 of the words of some texts, with an output of 64 bits. */
function reference(seed: HashState, texts: readonly string[]): readonly number[] {
  const state = { ...seed }
  for (const word of texts.flatMap(wordsOf)) {
    state.v3 ^= word
    round(state)
    state.v0 ^= word
  }
  const halves = [() => (state.v2 ^= 0xee), () => (state.v1 ^= 0xdd)].map((begin) => {
    begin()
    for (let rounds = 0; rounds < 3; rounds += 1) round(state)
    return state.v1 ^ state.v3
  })
  return halves
}

const text = fc.oneof(
  fc.string({ maxLength: 24 }),
  fc.string({ unit: fc.constantFrom('a', '\u0000', 'ÿ', 'Ā', '\uffff', '1', '.'), maxLength: 12 }),
)
const seeds = fc.record({ v0: fc.integer(), v1: fc.integer(), v2: fc.integer(), v3: fc.integer() })

describe('the hash of a key', () => {
  it('is HalfSipHash of its words, of one text or of several', () => {
    fc.assert(
      fc.property(seeds, fc.array(text, { maxLength: 3 }), (seed, texts) => {
        const state = copyHashState(seed)
        for (const one of texts) absorbText(state, one)
        finishHash(state)
        expect([state.v0, state.v1]).toEqual(reference(seed, texts))
      }),
      { numRuns: 500 },
    )
  })

  it('is the same when it is made of one text in one step, which leaves the beginning as it was', () => {
    fc.assert(
      fc.property(seeds, text, (seed, one) => {
        const before = copyHashState(seed)
        const result: HashState = { v0: 9, v1: 9, v2: 9, v3: 9 }
        hashText(before, one, result)
        expect([result.v0, result.v1]).toEqual(reference(seed, [one]))
        expect(before).toEqual(seed)
      }),
      { numRuns: 1_000 },
    )
  })

  it('begins as its authors begin it for 64 bits, under 64 random ones', () => {
    const seeds = Array.from({ length: 20 }, () => createHashSeed())
    for (const { v0, v1, v2, v3 } of seeds) {
      expect([v2 ^ v0, v3 ^ v1 ^ 0xee]).toEqual([0x6c796765, 0x74656462])
      expect([v0, v1, v2, v3].every((word) => word === (word | 0))).toBe(true)
    }
    for (const half of ['v0', 'v1'] as const) expect(new Set(seeds.map((seed) => seed[half])).size).toBe(20)
  })

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
