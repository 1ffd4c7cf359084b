import { createFingerprint, parseClientAddress } from '@rempart/guard'
import { expect, it } from 'vitest'
import { createFingerprintPrefix } from './fingerprint-prefix.ts'

const secret = Buffer.alloc(32, 7)
const client = (text: string) => {
  const address = parseClientAddress(text)
  if (address === undefined) throw new TypeError(text)
  return address
}

it('names a client as the guard does, the first time and from memory', () => {
  const clock = { now: () => 1_000 }
  const prefix = createFingerprintPrefix(secret, clock)
  const expected = createFingerprint({ secret })(
    { address: client('203.0.113.9'), userAgent: 'curl/8', routeGroup: '/contact' },
    1_000,
  )
  expect(prefix(client('203.0.113.9'), 'curl/8', '/contact')).toBe(expected.fpPrefix)
  expect(prefix(client('203.0.113.9'), 'curl/8', '/contact')).toBe(expected.fpPrefix)
})

it('tells apart clients, agents and routes', () => {
  const prefix = createFingerprintPrefix(secret, { now: () => 0 })
  const names = [
    prefix(client('203.0.113.9'), 'curl/8', '/contact'),
    prefix(client('203.0.113.8'), 'curl/8', '/contact'),
    prefix(client('203.0.113.9'), 'curl/9', '/contact'),
    prefix(client('203.0.113.9'), 'curl/8', '/forms'),
    prefix(client('203.0.113.9'), undefined, '/contact'),
  ]
  expect(new Set(names).size).toBe(names.length)
})

it('gives another name the next day, so that days cannot be linked', () => {
  const clock = { nowMs: 0, now: () => clock.nowMs }
  const prefix = createFingerprintPrefix(secret, clock)
  const first = prefix(client('203.0.113.9'), 'curl/8', '/contact')
  clock.nowMs = 86_400_000
  expect(prefix(client('203.0.113.9'), 'curl/8', '/contact')).not.toBe(first)
})
