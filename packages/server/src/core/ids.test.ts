import { expect, it } from 'vitest'
import { createId } from './ids.ts'

it('makes UUIDs of version 7 that carry the time', () => {
  const beforeMs = Date.now()
  const id = createId()
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  const ms = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
  expect(ms).toBeGreaterThanOrEqual(beforeMs)
  expect(ms).toBeLessThanOrEqual(Date.now() + 1)
})

it('makes them in order and each once, thousands within a millisecond', () => {
  const ids = Array.from({ length: 50_000 }, createId)
  expect(ids).toEqual([...ids].sort())
  expect(new Set(ids).size).toBe(ids.length)
})
