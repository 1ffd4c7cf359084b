import { expect, it } from 'vitest'
import { createRecentCache } from './recent-cache.ts'

it('never holds more than two generations, however many texts it is given', () => {
  const cache = createRecentCache<number>(100)
  for (let index = 0; index < 10_000; index += 1) {
    cache.set(`text-${index}`, index)
    expect(cache.size()).toBeLessThanOrEqual(200)
  }
})

it('keeps what is asked for through a flood of what is not', () => {
  const cache = createRecentCache<string>(100)
  cache.set('regular', 'kept')
  for (let index = 0; index < 10_000; index += 1) {
    cache.set(`text-${index}`, 'once')
    expect(cache.get('regular')).toBe('kept')
  }
  expect(cache.get('text-0')).toBeUndefined()
})
