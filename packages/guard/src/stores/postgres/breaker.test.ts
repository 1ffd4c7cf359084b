import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Breaker, createPostgresBreaker } from './breaker.ts'

describe('the breaker of a PostgreSQL store', () => {
  let breaker: Breaker
  beforeEach(() => {
    vi.useFakeTimers()
    breaker = createPostgresBreaker(() => Date.now())
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const fail = () => breaker.run(() => Promise.reject(new Error('gone'))).catch((error: Error) => error.message)
  const never = () => new Promise<never>(() => undefined)

  it('refuses at once after five calls in a row failed, and not after four', async () => {
    for (let failed = 0; failed < 4; failed += 1) await fail()
    expect(breaker.isOpen()).toBe(false)
    await fail()
    expect(breaker.isOpen()).toBe(true)
    const call = vi.fn(async () => 1)
    await expect(breaker.run(call)).rejects.toThrow('has not answered lately')
    expect(call).not.toHaveBeenCalled()
  })

  it('counts calls in a row: an answer forgives the failures before it', async () => {
    for (let failed = 0; failed < 4; failed += 1) await fail()
    await breaker.run(async () => 1)
    await fail()
    expect(breaker.isOpen()).toBe(false)
  })

  it('opens when a frozen database answers nothing at all', async () => {
    for (let sent = 0; sent < 5; sent += 1) void breaker.run(never)
    expect(breaker.isOpen()).toBe(false)
    await vi.advanceTimersByTimeAsync(250)
    expect(breaker.isOpen()).toBe(true)
  })

  it('lets one probe through at a time, and closes when it is answered', async () => {
    for (let failed = 0; failed < 5; failed += 1) await fail()
    await vi.advanceTimersByTimeAsync(500)
    expect(breaker.mayProbe()).toBe(true)
    let respond: (value: number) => void = () => undefined
    const probe = breaker.run(() => new Promise<number>((resolve) => (respond = resolve)))
    await expect(breaker.run(async () => 2)).rejects.toThrow('has not answered lately')
    respond(1)
    expect(await probe).toBe(1)
    expect(breaker.isOpen()).toBe(false)
    expect(await breaker.run(async () => 3)).toBe(3)
  })

  it('rests again after a probe that failed', async () => {
    for (let failed = 0; failed < 5; failed += 1) await fail()
    await vi.advanceTimersByTimeAsync(500)
    expect(await fail()).toBe('gone')
    expect(breaker.mayProbe()).toBe(false)
    await vi.advanceTimersByTimeAsync(500)
    expect(breaker.mayProbe()).toBe(true)
  })
})
