import { describe, expect, it } from 'vitest'
import { createLookupMemory } from './lookup-memory.ts'

const memoryOf = (max: number) => createLookupMemory<{ id: string }>({ max, freshMs: 5_000 })

describe('the memory of look-ups', () => {
  it('keeps what was found, however many names that stand for nothing were tried since', () => {
    const memory = memoryOf(100)
    for (let index = 0; index < 100; index += 1) memory.learn(`real-${index}`, { id: String(index) })
    for (let index = 0; index < 10_000; index += 1) memory.learn(`made-up-${index}`, null)
    for (let index = 0; index < 100; index += 1) expect(memory.peek(`real-${index}`)).toEqual({ id: String(index) })
    const remembered = Array.from({ length: 10_000 }, (_, index) => memory.peek(`made-up-${index}`))
    expect(remembered.filter((answer) => answer === null)).toHaveLength(100)
  })

  it('tells nothing once it is stale, but recalls for an hour what was found', () => {
    let nowMs = 1
    const memory = createLookupMemory<{ id: string }>({ max: 10, freshMs: 5_000, nowMs: () => nowMs })
    memory.learn('acme', { id: 'a' })
    memory.learn('nobody', null)
    nowMs += 5_001
    expect([memory.peek('acme'), memory.peek('nobody')]).toEqual([undefined, undefined])
    expect([memory.recall('acme'), memory.recall('nobody')]).toEqual([{ id: 'a' }, undefined])
    nowMs += 3_600_000
    expect(memory.recall('acme')).toBeUndefined()
  })

  it('recalls nothing that was found missing since, forgotten or cleared', () => {
    const memory = memoryOf(10)
    for (const name of ['a', 'b', 'c']) memory.learn(name, { id: name })
    memory.learn('a', null)
    expect([memory.peek('a'), memory.recall('a')]).toEqual([null, undefined])
    memory.forget((name, found) => found?.id === 'b' || name === 'a')
    expect(['a', 'b', 'c'].map((name) => memory.peek(name))).toEqual([undefined, undefined, { id: 'c' }])
    expect(memory.recall('b')).toBeUndefined()
    memory.clear()
    expect(memory.recall('c')).toBeUndefined()
  })

  it('believes what was found for longer while changes are heard of, and for as long as ever once they are not', () => {
    let nowMs = 1
    let hears = true
    const heard = { freshMs: 60_000, hears: () => hears }
    const memory = createLookupMemory<{ id: string }>({ max: 10, freshMs: 5_000, heard, nowMs: () => nowMs })
    memory.learn('acme', { id: 'a' })
    memory.learn('nobody', null)
    nowMs += 5_001
    // That somebody has come is told to nobody.
    expect([memory.peek('acme'), memory.peek('nobody')]).toEqual([{ id: 'a' }, undefined])
    hears = false
    expect(memory.peek('acme')).toBeUndefined()
    expect(memory.recall('acme')).toEqual({ id: 'a' })
    memory.learn('late', { id: 'b' })
    nowMs += 4_999
    expect(memory.peek('late')).toEqual({ id: 'b' })
    hears = true
    nowMs += 60_000
    expect([memory.peek('acme'), memory.peek('late')]).toEqual([undefined, undefined])
  })

  it('keeps what fits into its bytes, and lets go what was asked for least', () => {
    const size = { maxBytes: 100, bytesOf: ({ id }: { id: string }) => id.length }
    const memory = createLookupMemory<{ id: string }>({ max: 1_000, freshMs: 5_000, size })
    const long = 'x'.repeat(40)
    for (const name of ['a', 'b', 'c']) memory.learn(name, { id: long })
    expect(['a', 'b', 'c'].map((name) => memory.peek(name)?.id)).toEqual([undefined, long, long])
    memory.learn('too long', { id: 'x'.repeat(101) })
    expect(memory.peek('too long')).toBeUndefined()
  })

  it('makes room for what has grown since it was found, without making it any younger', () => {
    let nowMs = 1
    const size = { maxBytes: 100, bytesOf: ({ bytes }: { bytes: number }) => bytes }
    const memory = createLookupMemory<{ bytes: number }>({ max: 10, freshMs: 5_000, size, nowMs: () => nowMs })
    const growing = { bytes: 20 }
    memory.learn('growing', growing, ['alias'])
    for (const name of ['a', 'b', 'c']) memory.learn(name, { bytes: 20 })
    nowMs += 4_000
    growing.bytes = 40
    memory.reweigh(growing, ['growing', 'alias'])
    expect(['a', 'b', 'c'].map((name) => memory.peek(name)?.bytes)).toEqual([undefined, undefined, 20])
    expect([memory.peek('growing'), memory.peek('alias')]).toEqual([growing, growing])
    nowMs += 1_001
    expect([memory.peek('growing'), memory.recall('growing')]).toEqual([undefined, growing])
  })

  it('takes nothing back in that has gone, or been found anew, before it grew', () => {
    const size = { maxBytes: 100, bytesOf: ({ bytes }: { bytes: number }) => bytes }
    const memory = createLookupMemory<{ bytes: number }>({ max: 10, freshMs: 5_000, size })
    const [gone, replaced, another] = [{ bytes: 10 }, { bytes: 10 }, { bytes: 10 }]
    memory.learn('gone', gone)
    memory.forget((name) => name === 'gone')
    memory.learn('name', replaced)
    memory.learn('name', another)
    memory.reweigh(gone, ['gone'])
    memory.reweigh(replaced, ['name'])
    expect([memory.recall('gone'), memory.peek('name')]).toEqual([undefined, another])
    const huge = { bytes: 10 }
    memory.learn('huge', huge)
    huge.bytes = 101
    memory.reweigh(huge, ['huge'])
    expect([memory.peek('huge'), memory.peek('name')]).toEqual([undefined, another])
  })

  it('counts what it answered, and what it learnt for want of an answer', () => {
    const memory = memoryOf(10)
    memory.peek('a')
    memory.learn('a', { id: 'a' }, ['b'])
    memory.peek('a')
    memory.peek('b')
    memory.peek('c')
    memory.learn('c', null)
    memory.peek('c')
    expect(memory.reading()).toEqual({ entries: 3, hits: 3, misses: 2 })
  })
})
