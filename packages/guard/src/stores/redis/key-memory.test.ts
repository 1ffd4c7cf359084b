import { describe, expect, it } from 'vitest'
import { createKeyMemory, type KeyMemory } from './key-memory.ts'

/** Keys of one generation. */
const REMEMBERED = 16_384

function fill(memory: KeyMemory<number>, name: string, count: number): void {
  for (let index = 0; index < count; index += 1) memory.set(`${name}-${index}`, index)
}

describe('the memory of keys', () => {
  it('remembers of each counter its own keys', () => {
    const remember = createKeyMemory<number>()
    const [one, other] = [remember(), remember()]
    one.set('k', 1)
    other.set('k', 2)
    expect([one.get('k'), other.get('k'), one.get('l')]).toEqual([1, 2, undefined])
  })

  it('remembers a key for as many others as a generation holds, and twice as many at most', () => {
    const memory = createKeyMemory<number>()()
    memory.set('k', 7)
    fill(memory, 'a', REMEMBERED - 1)
    expect(memory.get('a-0')).toBe(0)
    fill(memory, 'b', REMEMBERED)
    expect([memory.get('a-5'), memory.get('b-5')]).toEqual([5, 5])
    fill(memory, 'c', REMEMBERED)
    expect([memory.get('k'), memory.get('a-9'), memory.get('c-9')]).toEqual([undefined, undefined, 9])
  })

  it('remembers for good what is asked for in every generation', () => {
    const memory = createKeyMemory<number>()()
    memory.set('k', 7)
    for (let generation = 0; generation < 5; generation += 1) {
      fill(memory, `g${generation}`, REMEMBERED - 2)
      expect(memory.get('k')).toBe(7)
    }
  })

  it('bounds the keys of all counters together: those of one are forgotten for those of another', () => {
    const remember = createKeyMemory<number>()
    const idle = remember()
    idle.set('k', 7)
    const busy = remember()
    fill(busy, 'a', REMEMBERED - 1)
    fill(busy, 'b', 1)
    expect(idle.get('k')).toBe(7)
    fill(busy, 'c', REMEMBERED)
    fill(busy, 'd', REMEMBERED)
    fill(busy, 'e', REMEMBERED)
    expect(idle.get('k')).toBeUndefined()
    const late = remember()
    late.set('l', 3)
    expect(late.get('l')).toBe(3)
  })

  it('forgets keys of generations ago also of a counter that was not asked for meanwhile', () => {
    const remember = createKeyMemory<number>()
    const idle = remember()
    idle.set('k', 7)
    const busy = remember()
    for (let generation = 0; generation < 3; generation += 1) fill(busy, `g${generation}`, REMEMBERED)
    idle.set('l', 8)
    expect([idle.get('k'), idle.get('l')]).toEqual([undefined, 8])
  })
})
