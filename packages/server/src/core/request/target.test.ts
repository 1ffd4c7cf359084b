import { expect, it } from 'vitest'
import { faultyTarget, maxTargetLength, targetFault } from './target.ts'

it.each([
  ['/', undefined],
  ['/api/v1/contact?tenant=demo', undefined],
  ['/caf%C3%A9', undefined],
  ['/a%2Fb%3F', undefined],
  // What stands behind the question mark is the schema’s to judge.
  ['/a?b=%zz', undefined],
  ['//evil.example/', undefined],
  ['*', 'malformed-request'],
  ['', 'malformed-request'],
  ['http://evil.example/', 'malformed-request'],
  ['evil.example:443', 'malformed-request'],
  ['/api/v1/contact#/../health', 'malformed-request'],
  ['/a?b#c', 'malformed-request'],
  ['/%', 'invalid-path'],
  ['/%2', 'invalid-path'],
  ['/%zz', 'invalid-path'],
  ['/%c0%af', 'invalid-path'],
  ['/%ed%a0%80', 'invalid-path'],
  ['/%00', 'invalid-path'],
  [`/${'a'.repeat(maxTargetLength - 1)}`, undefined],
  [`/${'a'.repeat(maxTargetLength)}`, 'uri-too-long'],
])('%j: %s', (target, fault) => {
  expect(targetFault(target)).toBe(fault)
})

it('routes a faulty target to a path that no client can write', () => {
  expect(targetFault(encodeURI(faultyTarget))).toBe('invalid-path')
})
