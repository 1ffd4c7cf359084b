import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseClientAddress } from '../client-address.ts'
import { createReputationCompiler, type ReputationListReport } from './reputation.ts'
import type { Reputation, ReputationTable } from './reputation-table.ts'

function compile(lists: Readonly<Record<string, string>>, score = 80): ReputationTable {
  const compiler = createReputationCompiler()
  for (const [source, text] of Object.entries(lists)) {
    const list = compiler.open(source, score)
    list.write(text)
    list.end()
  }
  return compiler.compile()
}

function read(text: string, pieces = [text]): ReputationListReport {
  const list = createReputationCompiler().open('list', 80)
  for (const piece of pieces) list.write(piece)
  return list.end()
}

const look = (table: ReputationTable, text: string): Reputation | undefined => {
  const address = parseClientAddress(text)
  return address === undefined ? undefined : table.lookup(address)
}

const scoreOf = (table: ReputationTable, text: string): number | undefined => look(table, text)?.score

describe('a reputation table', () => {
  it('finds addresses and blocks, their edges included, and nothing beside them', () => {
    const table = compile({ abuse: '203.0.113.0/24 90\n198.51.100.7\n2001:db8:1::/48 70\n' })
    expect(look(table, '203.0.113.0')).toEqual({ score: 90, source: 'abuse' })
    expect(look(table, '203.0.113.255')).toEqual({ score: 90, source: 'abuse' })
    expect(look(table, '198.51.100.7')).toEqual({ score: 80, source: 'abuse' })
    expect(look(table, '2001:db8:1:ffff:ffff:ffff:ffff:ffff')).toEqual({ score: 70, source: 'abuse' })
    for (const beside of [
      '203.0.112.255',
      '203.0.114.0',
      '198.51.100.6',
      '198.51.100.8',
      '2001:db8::',
      '2001:db8:2::',
    ]) {
      expect(look(table, beside)).toBeUndefined()
    }
  })

  it('gives nobody another reputation for writing an IPv4 address as IPv6', () => {
    const table = compile({ abuse: '203.0.113.7 90\n::ffff:198.51.100.0/120 60' })
    for (const spelling of ['::ffff:203.0.113.7', '::FFFF:CB00:7107', '64:ff9b::203.0.113.7', '::203.0.113.7']) {
      expect(scoreOf(table, spelling)).toBe(90)
    }
    expect(scoreOf(table, '198.51.100.9')).toBe(60)
  })

  it('follows a client through its own /64', () => {
    const table = compile({ abuse: '2001:db8::1 90' })
    expect(scoreOf(table, '2001:db8::dead:beef')).toBe(90)
    expect(scoreOf(table, '2001:db8:0:1::1')).toBeUndefined()
  })

  it('lets the narrowest entry speak, so that a line of score 0 is an exception', () => {
    const table = compile({ abuse: '10.0.0.0/8 50\n10.1.0.0/16 90\n10.1.2.0/24 0\n10.1.2.3 100' })
    expect(scoreOf(table, '10.2.0.0')).toBe(50)
    expect(scoreOf(table, '10.1.1.255')).toBe(90)
    expect(scoreOf(table, '10.1.2.4')).toBe(0)
    expect(scoreOf(table, '10.1.2.3')).toBe(100)
    expect(scoreOf(table, '10.1.3.0')).toBe(90)
    expect(scoreOf(table, '10.255.255.255')).toBe(50)
    expect(scoreOf(table, '11.0.0.0')).toBeUndefined()
  })

  it('lets the highest score speak of two for one block, whichever list comes first', () => {
    for (const [one, other] of [
      [30, 90],
      [90, 30],
    ]) {
      const table = compile({ one: `203.0.113.0/24 ${one}`, other: `203.0.113.0/24 ${other}` })
      expect(scoreOf(table, '203.0.113.9')).toBe(90)
    }
  })

  it('covers the whole of both address spaces and their ends', () => {
    const table = compile({ all: '0.0.0.0/0 10\n255.255.255.255 20\n::/0 30\nffff:ffff:ffff:ffff::/64 40' })
    expect(scoreOf(table, '0.0.0.0')).toBe(10)
    expect(scoreOf(table, '255.255.255.254')).toBe(10)
    expect(scoreOf(table, '255.255.255.255')).toBe(20)
    expect(scoreOf(table, '::1')).toBe(30)
    expect(scoreOf(table, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')).toBe(40)
    expect(scoreOf(compile({ none: '' }), '203.0.113.1')).toBeUndefined()
  })

  it('agrees with a search through every entry, for any nesting', () => {
    const v4 = fc.tuple(fc.nat(0xffff), fc.integer({ min: 16, max: 32 }), fc.nat(100))
    const v6 = fc.tuple(fc.nat(0xffff), fc.integer({ min: 32, max: 128 }), fc.nat(100))
    const bits4 = (low: number, length: number): number => low - (low % 2 ** (32 - length))
    const bits6 = (low: number, length: number): number => {
      const width = 2 ** Math.max(0, 48 - Math.min(48, length))
      return low - (low % width)
    }
    fc.assert(
      fc.property(
        fc.array(v4, { maxLength: 30 }),
        fc.array(v6, { maxLength: 30 }),
        fc.nat(0xffff),
        (four, six, probe) => {
          const text4 = (low: number): string => `10.0.${low >> 8}.${low & 255}`
          const text6 = (low: number): string => `2001:db8:${low.toString(16)}::`
          const lines = [
            ...four.map(([low, length, score]) => `${text4(bits4(low, length))}/${length} ${score}`),
            ...six.map(([low, length, score]) => `${text6(bits6(low, length))}/${length} ${score}`),
          ]
          const table = compile({ list: lines.join('\n') })
          const best = (
            entries: [number, number, number][],
            holds: (low: number, length: number) => boolean,
            cap: number,
          ) =>
            entries
              .filter(([low, length]) => holds(low, length))
              .map(([, length, score]) => [Math.min(length, cap), score] as const)
              .toSorted((one, other) => other[0] - one[0] || other[1] - one[1])[0]?.[1]
          expect(scoreOf(table, text4(probe))).toBe(
            best(four, (low, length) => bits4(low, length) === bits4(probe, length), 32),
          )
          expect(scoreOf(table, text6(probe))).toBe(
            best(six, (low, length) => bits6(low, length) === bits6(probe, length), 64),
          )
        },
      ),
      { numRuns: 300 },
    )
  })

  it('holds 100,000 entries in 12 bytes each and finds one in a few microseconds', () => {
    let state = 1
    const next = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state
    }
    const address = (value: number): string =>
      `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
    const lines = Array.from({ length: 100_000 }, () => address(next()))
    const table = compile({ big: lines.join('\n') })
    expect(table.bytes).toBeLessThanOrEqual(1_200_000)
    const probes = lines.slice(0, 1_000).map((text) => ({ text }))
    const startedMs = performance.now()
    for (let round = 0; round < 20; round += 1) for (const probe of probes) table.lookup(probe)
    // The figure to hold is 1 µs; a search through every entry would take 100 µs.
    expect((performance.now() - startedMs) / 20_000).toBeLessThan(0.01)
    expect(probes.every((probe) => table.lookup(probe)?.score === 80)).toBe(true)
  })
})

describe('a reputation list', () => {
  it('reads netsets and DROP lists as their publishers write them', () => {
    const text = [
      '\uFEFF# ipset: abuse_7d, hash:net',
      '; Spamhaus DROP',
      '// a comment',
      '',
      '203.0.113.0/24 ; SBL1',
      '198.51.100.1\t# seen on 2026-11-01',
      '198.51.100.2,75,"brute force"',
      '  198.51.100.3   60   # with room\r',
      '2001:db8::/32',
      '198.51.100.4 2026-11-01T00:00:00Z',
    ].join('\n')
    expect(read(text)).toEqual({ source: 'list', entries: 6, faultCount: 0, faults: [] })
    const table = compile({ list: text })
    expect(['198.51.100.1', '198.51.100.2', '198.51.100.3'].map((one) => scoreOf(table, one))).toEqual([80, 75, 60])
  })

  it('names the lines it cannot read, ten at most, and reads the others', () => {
    const text = '203.0.113.0/33\nnonsense\n203.0.113.5/24\n198.51.100.1 101\n198.51.100.2\n010.0.0.1\n'
    const report = read(text)
    expect(report).toMatchObject({ entries: 1, faultCount: 5 })
    expect(report.faults.map(({ line }) => line)).toEqual([1, 2, 3, 4, 6])
    expect(read('x\n'.repeat(1_000))).toMatchObject({ faultCount: 1_000, faults: { length: 10 } })
  })

  it('reads the same in any pieces', () => {
    const text = '203.0.113.0/24 90\r\n# a comment\n198.51.100.1\nbad line\n2001:db8::/32 5'
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const edges = [0, ...cuts.toSorted((one, other) => one - other), text.length]
        const pieces = edges.slice(1).map((edge, index) => text.slice(edges[index], edge))
        expect(read(text, pieces)).toEqual(read(text))
      }),
    )
  })

  it('keeps nothing of a line without end', () => {
    const report = read('', [...Array.from({ length: 1_000 }, () => 'x'.repeat(10_000)), '\n203.0.113.1\n'])
    expect(report).toMatchObject({ entries: 1, faultCount: 1, faults: [{ line: 1 }] })
    expect(read('9'.repeat(5_000))).toMatchObject({ entries: 0, faultCount: 1 })
  })

  it('refuses more entries than its memory is meant for', () => {
    const list = createReputationCompiler({ maxEntries: 2 }).open('list', 80)
    expect(() => list.write('203.0.113.1\n203.0.113.2\n203.0.113.3\n')).toThrow(RangeError)
  })

  it('refuses a score that is none', () => {
    for (const score of [-1, 101, 0.5, Number.NaN]) {
      expect(() => createReputationCompiler().open('list', score)).toThrow(RangeError)
    }
  })
})
