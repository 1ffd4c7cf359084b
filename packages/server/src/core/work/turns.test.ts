import { describe, expect, it } from 'vitest'
import { createTurns } from './turns.ts'

/** Turns that last until they are ended, and how many have begun. */
function heldTurns() {
  const held: PromiseWithResolvers<void>[] = []
  const failures: unknown[] = []
  const ask = createTurns(
    () => {
      const turn = Promise.withResolvers<void>()
      held.push(turn)
      return turn.promise
    },
    (error) => failures.push(error),
  )
  return { ask, failures, begun: () => held.length, turn: (index: number) => held[index] }
}

describe('turns', () => {
  it('take one at a time, and one more for all who ask during one: it may have looked too early for them', async () => {
    const { ask, begun, turn } = heldTurns()
    const first = ask()
    const [second, third] = [ask(), ask()]
    expect(begun()).toBe(1)
    turn(0)?.resolve()
    await first
    await expect.poll(begun).toBe(2)
    turn(1)?.resolve()
    await Promise.all([second, third])
    expect(begun()).toBe(2)
  })

  it('answer who asks during a turn only when the next is over', async () => {
    const { ask, begun, turn } = heldTurns()
    void ask()
    let isAnswered = false
    const later = ask().then(() => {
      isAnswered = true
    })
    turn(0)?.resolve()
    await expect.poll(begun).toBe(2)
    expect(isAnswered).toBe(false)
    turn(1)?.resolve()
    await later
  })

  it('go on after one that failed, which is told once and rejects for nobody', async () => {
    const { ask, failures, begun, turn } = heldTurns()
    const [first, second] = [ask(), ask()]
    const fault = new Error('the database is away')
    turn(0)?.reject(fault)
    await first
    await expect.poll(begun).toBe(2)
    turn(1)?.resolve()
    await second
    expect(failures).toEqual([fault])
    void ask()
    expect(begun()).toBe(3)
    turn(2)?.resolve()
  })
})
