import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadPolicies } from '@rempart/guard'
import { expect, it, onTestFinished } from 'vitest'
import { inFile, PolicyFileError, parsePolicyFile, readPolicyFile } from './policy-file.ts'

const base = [
  { id: 'contact.submit', rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 3, window: '60s' }] },
] as const

/** Each fault on one line, as an editor or a pipeline reads it. */
function faultsOf(text: string): readonly string[] {
  try {
    const document = parsePolicyFile('p.yaml', text)
    try {
      loadPolicies(document.parsed, base)
    } catch (error) {
      throw inFile(document, error)
    }
  } catch (error) {
    if (error instanceof PolicyFileError) return error.message.split('\n')
    throw error
  }
  return []
}

it('says of every fault in which line and column it stands, in the order of the file', () => {
  const faults = faultsOf(`version: 2
extends: pixl
policies:
  contact.submit:
    mode: shadows
    rules:
      burst: { limt: 5, window: 1 minute }
      volume: off
  contact.sumbit: {}
  legacy:
    match: { method: PSOT, path: [/a, b] }
    rules:
      tries:
        kind: lockout
        by: [ip, tenent]
        attempts: 0
        window: 15m
`)
  expect(faults).toEqual([
    'p.yaml:1:1: file.version: must be 1',
    'p.yaml:2:1: file.extends: unknown preset "pixl", expected one of pixel, caddy, public-forms, platform (did you mean "pixel"?)',
    expect.stringMatching(/^p\.yaml:5:5: policies\.contact\.submit\.mode: .*did you mean "shadow"/),
    expect.stringMatching(/^p\.yaml:7:16: policies\.contact\.submit\.rules\.burst\.limt: unknown field .*"limit"/),
    expect.stringMatching(/^p\.yaml:7:25: policies\.contact\.submit\.rules\.burst\.window: .*did you mean "1m"/),
    expect.stringMatching(/^p\.yaml:8:7: policies\.contact\.submit\.rules\.volume: no such rule/),
    expect.stringMatching(/^p\.yaml:9:3: policies\.contact\.sumbit: no route.*did you mean "contact.submit"/),
    expect.stringMatching(/^p\.yaml:11:14: policies\.legacy\.match\.method: .*did you mean "POST"/),
    expect.stringMatching(/^p\.yaml:11:39: policies\.legacy\.match\.path\[1\]: .*did you mean "\/b"/),
    expect.stringMatching(/^p\.yaml:13:7: policies\.legacy\.rules\.tries\.lock: /),
    expect.stringMatching(/^p\.yaml:15:9: policies\.legacy\.rules\.tries\.by: .*did you mean "tenant"/),
    expect.stringMatching(/^p\.yaml:16:9: policies\.legacy\.rules\.tries\.attempts: /),
  ])
})

it.each([
  ['a tab', 'version: 1\npolicies:\n\tx: {}\n', /^p\.yaml:3:1: /],
  ['a key twice', 'version: 1\nversion: 1\npolicies: {}\n', /^p\.yaml:2:1: Map keys must be unique/],
  ['an alias', 'version: 1\npolicies:\n  a: &x {}\n  b: *x\n', /^p\.yaml:4:6: aliases are not supported/],
  ['a bomb of aliases', `a: &a [1]\nb: &b [${'*a,'.repeat(9)}]\nc: [${'*b,'.repeat(9)}]\n`, /^p\.yaml:2:8: aliases/],
  ['a second document', 'version: 1\npolicies: {}\n---\nversion: 1\n', /^p\.yaml:3:1: /],
  ['an unknown tag', 'version: 1\npolicies: !!js/function x\n', /^p\.yaml:2:11: /],
  ['nothing', '', /^p\.yaml:1:1: file: must be an object/],
  ['text', 'hello', /^p\.yaml:1:1: file: must be an object/],
])('refuses %s with its place', (_what, text, said) => {
  expect(faultsOf(text)[0]).toMatch(said)
})

it('takes JSON, a byte order mark and a bare off', () => {
  expect(
    faultsOf('{ "version": 1, "policies": { "contact.submit": { "rules": { "burst": { "limit": 5 } } } } }'),
  ).toEqual([])
  expect(faultsOf('\uFEFFversion: 1\npolicies:\n  contact.submit:\n    rules:\n      burst: off\n')).toEqual([])
  expect(
    faultsOf('{\n "version": 1,\n "policies": {\n  "contact.submit": { "rules": { "burst": { "limit": -1 } } } } }'),
  ).toEqual([expect.stringMatching(/^p\.yaml:4:45: /)])
})

it('reads a file, and says which one cannot be read', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rempart-policy-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'rempart.policy.yaml')
  expect(() => readPolicyFile(file)).toThrow(`${file}: the file cannot be read`)
  expect(() => readPolicyFile(directory)).toThrow('cannot be read')
  writeFileSync(file, 'version: 1\npolicies: {}\n')
  expect(readPolicyFile(file)).toMatchObject({ file, parsed: { version: 1, policies: {} } })
})
