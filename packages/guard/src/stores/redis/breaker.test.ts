import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Breaker, createBreaker } from './breaker.ts'

const PROBE_EVERY_MS = 250

describe('the breaker of a Redis lane', () => {
  let breaker: Breaker
  const probe = vi.fn<() => Promise<unknown>>()
  const onOpen = vi.fn<() => void>()
  beforeEach(() => {
    vi.useFakeTimers()
    probe.mockReset().mockRejectedValue(new Error('gone'))
    onOpen.mockReset()
    breaker = createBreaker({ hiccupMs: 10, probe, onOpen })
  })
  afterEach(() => {
    breaker.close()
    vi.useRealTimers()
  })

  const miss = (times: number): void => {
    for (let missed = 0; missed < times; missed += 1) breaker.miss()
  }
  const open = (): void => {
    miss(1)
    vi.advanceTimersByTime(10)
    miss(4)
    expect(breaker.isOpen()).toBe(true)
  }

  it('opens at five misses in a row, not at four, and says so once', () => {
    miss(1)
    vi.advanceTimersByTime(10)
    miss(3)
    expect([breaker.isOpen(), onOpen.mock.calls.length]).toEqual([false, 0])
    miss(1)
    expect([breaker.isOpen(), onOpen.mock.calls.length]).toEqual([true, 1])
    miss(3)
    expect(onOpen).toHaveBeenCalledTimes(1)
    expect(breaker.misses()).toBe(8)
  })

  it('does not open for one hiccup, however many calls it met', () => {
    miss(1)
    vi.advanceTimersByTime(9)
    miss(100)
    expect(breaker.isOpen()).toBe(false)
    vi.advanceTimersByTime(1)
    miss(1)
    expect(breaker.isOpen()).toBe(true)
  })

  it('forgives what was missed when a call is answered, and counts a hiccup anew', () => {
    miss(4)
    vi.advanceTimersByTime(50)
    breaker.hit()
    miss(5)
    expect(breaker.isOpen()).toBe(false)
    vi.advanceTimersByTime(10)
    miss(1)
    expect(breaker.isOpen()).toBe(true)
  })

  it('asks for the server every quarter of a second while it is open, one probe at a time', async () => {
    open()
    await vi.advanceTimersByTimeAsync(PROBE_EVERY_MS - 1)
    expect(probe).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(probe).toHaveBeenCalledTimes(1)
    expect(breaker.misses()).toBe(6)
    let answer: (error: Error) => void = () => undefined
    probe.mockImplementation(() => new Promise((_, reject) => (answer = reject)))
    await vi.advanceTimersByTimeAsync(PROBE_EVERY_MS)
    expect(probe).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(PROBE_EVERY_MS * 10)
    expect(probe).toHaveBeenCalledTimes(2)
    answer(new Error('late'))
    await vi.advanceTimersByTimeAsync(PROBE_EVERY_MS)
    expect(probe).toHaveBeenCalledTimes(3)
    expect(breaker.isOpen()).toBe(true)
  })

  it('closes with the first probe that is answered, and needs five misses to open again', async () => {
    open()
    probe.mockResolvedValue(1)
    await vi.advanceTimersByTimeAsync(PROBE_EVERY_MS)
    expect(breaker.isOpen()).toBe(false)
    await vi.advanceTimersByTimeAsync(PROBE_EVERY_MS * 4)
    expect(probe).toHaveBeenCalledTimes(1)
    miss(1)
    vi.advanceTimersByTime(10)
    miss(3)
    expect(breaker.isOpen()).toBe(false)
    miss(1)
    expect([breaker.isOpen(), onOpen.mock.calls.length]).toEqual([true, 2])
  })

  it('asks nobody any more once it is closed for good', async () => {
    open()
    breaker.close()
    expect(breaker.isOpen()).toBe(false)
    await vi.advanceTimersByTimeAsync(PROBE_EVERY_MS * 4)
    expect(probe).not.toHaveBeenCalled()
    miss(1)
    vi.advanceTimersByTime(10)
    miss(9)
    expect([breaker.isOpen(), onOpen.mock.calls.length]).toEqual([false, 1])
  })

  it('asks nobody when it is closed for good while a probe is under way', async () => {
    open()
    let answer: (error: Error) => void = () => undefined
    probe.mockImplementation(() => new Promise((_, reject) => (answer = reject)))
    await vi.advanceTimersByTimeAsync(PROBE_EVERY_MS)
    breaker.close()
    answer(new Error('late'))
    await vi.advanceTimersByTimeAsync(PROBE_EVERY_MS * 4)
    expect(probe).toHaveBeenCalledTimes(1)
  })

  it('keeps no process alive', () => {
    vi.useRealTimers()
    const resources = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = resources()
    breaker = createBreaker({ hiccupMs: 0, probe, onOpen })
    miss(5)
    expect([breaker.isOpen(), resources()]).toEqual([true, before])
  })
})
