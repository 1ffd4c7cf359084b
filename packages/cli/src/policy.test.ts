import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commandLine } from './testing/installation.ts'

const commands = commandLine()
const policy = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  commands.run(['policy', ...args], { env })
/** By its name alone, as it is said again. */
const file = (name: string, content: string): string => basename(commands.file(name, content))

const sound = file(
  'sound.yaml',
  `version: 1
extends: pixel
policies:
  contact.submit:
    rules:
      burst: { limit: 5 }
  legacy.login:
    match: { method: POST, path: /wp-login.php }
    mode: shadow
    rules:
      tries: { kind: lockout, by: account, attempts: 2, window: 15m, lock: 15m }
`,
)
const broken = file('broken.yaml', 'version: 1\npolicies:\n  contact.sumbit:\n    rules: { burst: { limt: 5 } }\n')

describe.concurrent('policy check', () => {
  it('ends with 0 for a sound file and says what it comes to', async () => {
    const reply = await policy(['check', sound])
    expect([reply.code, reply.stderr]).toEqual([0, ''])
    expect(reply.stdout).toMatch(
      /^sound\.yaml is sound: \d+ policies in force \(2 named by the file, 5 with a match\), \d+ rules, 1 in shadow\. Version [\da-f]{12}\.\n$/,
    )
  }, 20_000)

  it('ends with 1 for a file with faults, each in the form that a pipeline makes a link of', async () => {
    const reply = await policy(['check', broken])
    expect([reply.code, reply.stderr]).toEqual([1, 'broken.yaml has a fault.\n'])
    expect(reply.stdout).toBe(
      'broken.yaml:3:3: policies.contact.sumbit: no route declares this policy, and it has no "match" of its own (did you mean "contact.submit"?)\n',
    )
    const french = await policy(['check', broken], { LANG: 'fr_FR.UTF-8' })
    expect(french.stdout).toContain('(vouliez-vous dire « contact.submit » ?)')
    expect(french.stderr).toBe('broken.yaml a un défaut.\n')
  }, 20_000)

  it('says it as JSON, too', async () => {
    const reply = await policy(['check', broken, '--json'])
    expect(reply.code).toBe(1)
    expect(JSON.parse(reply.stdout)).toMatchObject({
      sound: false,
      faults: [{ line: 3, column: 3, path: 'policies.contact.sumbit', suggestion: 'contact.submit' }],
    })
  }, 20_000)

  it('judges a file of the gateway by itself', async () => {
    const reply = await policy(['check', sound, '--alone'])
    expect(reply.stdout).toContain('5 policies in force')
    const over = file('over.yaml', 'version: 1\npolicies:\n  contact.submit:\n    rules: { burst: { limit: 5 } }\n')
    expect((await policy(['check', over])).code).toBe(0)
    expect((await policy(['check', over, '--alone'])).stdout).toContain('over.yaml:3:3: ')
  }, 20_000)

  it('does not show what would act on the terminal', async () => {
    const hostile = file('hostile.yaml', 'version: 1\npolicies:\n  "a\\e[31mb": {}\n')
    expect((await policy(['check', hostile])).stdout).toContain('\\u{1b}')
  }, 20_000)
})

describe.concurrent('policy explain', () => {
  it('says where each rule comes from, and what the first, the last admitted and the first refused request meet', async () => {
    const reply = await policy(['explain', 'POST', '/api/v1/contact', '--file', sound, '--at', '2026-11-21T09:00:00Z'])
    expect(reply.code).toBe(0)
    expect(reply.stdout).toMatch(/^POLICY +contact\.submit \(declared by the route\)$/m)
    expect(reply.stdout).toMatch(/^burst +rate-limit +by ip, limit 5, .* {2}route; .*limit: sound\.yaml:6/m)
    expect(reply.stdout).toMatch(/^1 +admitted +burst 0 → 1 \/ 5 +-$/m)
    expect(reply.stdout).toMatch(/^5 +admitted +burst 4 → 5 \/ 5 +-$/m)
    expect(reply.stdout).toMatch(/^6 +refused: burst \(cooldown\) +burst 5 → 5 \/ 5 +300 s$/m)
    expect(reply.stdout).toContain(`x-ratelimit-reset: ${Date.UTC(2026, 10, 21, 9, 5) / 1_000}\n`)
    expect(reply.stdout).toContain('retry-after: 300\n')
  }, 20_000)

  it('reads the file of the configuration when none is named', async () => {
    const reply = await policy(['explain', 'post', '/api/v1/contact/'], { REMPART_POLICY_FILE: sound })
    expect(reply.stdout).toContain('limit: sound.yaml:6')
  }, 20_000)

  it('needs a subject for rules that count by one, and says so', async () => {
    const args = ['explain', 'POST', '/wp-login.php', '--file', sound]
    expect((await policy(args)).stderr).toContain('Rules by account do not apply')
    const signedIn = await policy([...args, '--account', 'ada', '--json'])
    expect(JSON.parse(signedIn.stdout)).toMatchObject({
      policies: [{ id: 'legacy.login', origins: { 'rules.tries': 'sound.yaml:11', mode: 'sound.yaml:9' } }],
      requests: [{ number: 1 }, { number: 2 }, { number: 3, outcome: 'allow', shadowRule: 'tries' }],
    })
  }, 20_000)

  it('says what is never limited, and what is under several policies', async () => {
    expect((await policy(['explain', 'GET', '/health'])).stderr).toContain('never limited')
    const ambiguous = await policy(['explain', 'GET', '/x/..%2fapi/v1/resources', '--file', sound])
    expect(ambiguous.stdout).toMatch(/^POLICY +resources\.list/m)
  }, 20_000)
})

describe.concurrent('policy diff', () => {
  const other = file(
    'other.yaml',
    'version: 1\nextends: pixel\npolicies:\n  contact.submit: { rules: { burst: { limit: 7 } } }\n',
  )

  it('says by policy and rule what changes in force', async () => {
    const reply = await policy(['diff', sound, other])
    expect([reply.code, reply.stdout]).toEqual([
      0,
      '~ contact.submit\n  ~ burst limit: 5 → 7\n- legacy.login  POST /wp-login.php  (shadow)\n  - tries  lockout: by account, attempts 2, window 15m, lock 15m\n',
    ])
  }, 20_000)

  it('ends with 1 where asked to, and says it as JSON', async () => {
    const reply = await policy(['diff', sound, other, '--exit-code', '--json'])
    expect(reply.code).toBe(1)
    expect(JSON.parse(reply.stdout)).toMatchObject({
      changes: [{ policyId: 'contact.submit', ruleId: 'burst', field: 'limit', before: 5, after: 7 }, {}],
    })
    const same = await policy(['diff', sound, sound, '--exit-code'])
    expect([same.code, same.stdout, same.stderr]).toEqual([0, '', 'The same rules are in force under both.\n'])
  }, 20_000)
})

describe.concurrent('policy presets', () => {
  it('lists them, and prints one that is a sound file and the same as extending it', async () => {
    expect((await policy(['presets'])).stdout).toMatch(/^pixel +\S.*\ncaddy +\S.*\npublic-forms +\S.*\nplatform +\S/m)
    for (const name of ['pixel', 'platform']) {
      const printed = file(`${name}.yaml`, (await policy(['presets', name])).stdout)
      const extended = file(`extends-${name}.yaml`, `version: 1\nextends: ${name}\n`)
      expect((await policy(['diff', printed, extended, '--alone', '--exit-code'])).code).toBe(0)
    }
    expect(await policy(['presets', 'pixl'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('pixel, caddy'),
    })
  }, 30_000)
})
