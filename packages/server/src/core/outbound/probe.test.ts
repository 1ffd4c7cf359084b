import { expect, it } from 'vitest'
import { createProbe } from './probe.ts'

function service() {
  const state = { asked: 0, answer: (): Promise<unknown> => Promise.resolve('PONG'), nowMs: 0 }
  const probe = createProbe({
    ask: () => {
      state.asked += 1
      return state.answer()
    },
    withinMs: 20,
    holdsMs: 1_000,
    nowMs: () => state.nowMs,
  })
  return { state, probe }
}

it('asks once a second at most, however many want to know', async () => {
  const { state, probe } = service()
  expect(await Promise.all([probe(), probe(), probe()])).toEqual([true, true, true])
  state.nowMs = 999
  await probe()
  expect(state.asked).toBe(1)
  state.nowMs = 1_000
  await probe()
  expect(state.asked).toBe(2)
})

it('says no when the question fails, and yes again when it is answered again', async () => {
  const { state, probe } = service()
  state.answer = () => Promise.reject(new Error('closed'))
  expect(await probe()).toBe(false)
  state.nowMs = 1_000
  state.answer = () => Promise.resolve('PONG')
  expect(await probe()).toBe(true)
})

it('says no in time to a service that owes an answer, and asks it no more until it has given it', async () => {
  const { state, probe } = service()
  const frozen = Promise.withResolvers<unknown>()
  state.answer = () => frozen.promise
  for (const nowMs of [0, 1_000, 2_000]) {
    state.nowMs = nowMs
    expect(await probe()).toBe(false)
  }
  expect(state.asked).toBe(1)
  frozen.resolve('PONG')
  await frozen.promise
  state.nowMs = 3_000
  expect(await probe()).toBe(true)
})
