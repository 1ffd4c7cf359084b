import { expect, it } from 'vitest'
import { doubledField } from './doubled-fields.ts'

it.each([
  [['Host', 'a', 'HOST', 'a'], 'malformed-request'],
  [['Content-Type', 'application/json', 'content-type', 'text/plain'], 'unsupported-media-type'],
  [['Authorization', 'Bearer a', 'authorization', 'Bearer a'], 'ambiguous-credentials'],
  [['X-API-Key', 'a', 'x-api-key', 'b'], 'ambiguous-credentials'],
  [['authorization', 'Bearer a', 'x-api-key', 'a'], 'ambiguous-credentials'],
])('refuses %j', (rawHeaders, code) => {
  expect(doubledField(rawHeaders)).toBe(code)
})

it('lets fields pass that come once, that are lists, and values that look like names', () => {
  expect(
    doubledField(['Host', 'host', 'Accept', 'a', 'Accept', 'b', 'Cookie', 'host', 'Content-Type', 'host']),
  ).toBeUndefined()
  expect(doubledField([])).toBeUndefined()
})
