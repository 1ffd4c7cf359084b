import { describe, expect, it, vi } from 'vitest'
import { BEFORE_THE_FIRST, entryHash } from '../../server/src/core/audit/chain.ts'
import { exportLine } from '../../server/src/core/audit/export-lines.ts'
import { createHeadSigner } from '../../server/src/core/audit/heads.ts'
import { commandLine } from './testing/installation.ts'

// Each command is a process of its own, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 })

const { run, file } = commandLine()

// No data directory, no database, no secret: whoever verifies has the file alone.
const env = { REMPART_DATA_DIR: '/nonexistent' }
const verify = (lines: readonly string[], ...args: readonly string[]) =>
  run(['audit', 'verify', file('audit.ndjson', lines.join('')), ...args], { env })

const signer = createHeadSigner({ current: Buffer.alloc(32, 1), previous: [] })
const tenantId = '01900000-0000-7000-8000-000000000001'
let hash = BEFORE_THE_FIRST
const entries = Array.from({ length: 5 }, (_, index) => {
  const entry = {
    tenantId,
    seq: index + 1,
    atMs: 1_760_000_000_000 + index,
    actorKind: 'operator',
    actorId: 'cli',
    action: 'session.ended',
    resourceType: null,
    resourceId: null,
    outcome: 'done',
    requestId: 'r',
    changes: '{}',
    subjectId: null,
    personal: null,
    client: null,
  }
  hash = entryHash(hash, entry)
  return { ...entry, hash }
})
const head = signer.sign({ tenantId, seq: 4, hash: entries[3]?.hash ?? '', signedAtMs: 1_760_000_000_100 })
const lines = [
  exportLine({
    type: 'header',
    format: 'rempart-audit/1',
    tenantId,
    tenantSlug: 'demo',
    exportedAt: '2025-10-10T00:00:00.000Z',
    keys: [signer.key],
  }),
  exportLine({ type: 'head', ...head }),
  ...entries.map((entry) => exportLine({ type: 'entry', ...entry })),
  exportLine({ type: 'end', entries: 5, heads: 1 }),
]

describe('rempart audit verify', () => {
  it('finds a whole log whole, and says whose key it believed', async () => {
    const own = await verify(lines)
    expect(own).toMatchObject({ code: 0, stderr: expect.stringContaining('The log is whole.') })
    expect(own.stderr).toContain('--key')
    expect(own.stdout).toMatch(/SIGNED TO +4/)
    const known = await verify(lines, '--key', signer.key.x, '--json')
    expect(known.code).toBe(0)
    expect(JSON.parse(known.stdout)).toMatchObject({ verdict: 'whole', entries: 5, signedTo: 4, isOwnKey: false })
  })

  it('says where a log was altered, that it was truncated, and that a head is forged, and exits with 1', async () => {
    expect(await verify(lines.with(4, (lines[4] ?? '').replace('cli', 'me')))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the entry 3 was edited'),
    })
    expect(await verify([...lines.slice(0, 5), exportLine({ type: 'end', entries: 3, heads: 1 })])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there were entries up to 4'),
    })
    const forger = createHeadSigner({ current: Buffer.alloc(32, 2), previous: [] })
    expect(await verify(lines, '--key', forger.key.x)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('signed head of the entry 4'),
    })
    expect(await verify([])).toMatchObject({ code: 1, stderr: expect.stringContaining('cut short') })
  })

  it('holds it against anchors that were kept elsewhere', async () => {
    const anchors = file('anchors', `${JSON.stringify(head)}\n`)
    const cut = [...lines.slice(0, 1), ...lines.slice(2, 5), exportLine({ type: 'end', entries: 3, heads: 0 })]
    expect((await verify(cut, '--key', signer.key.x)).code).toBe(0)
    expect(await verify(cut, '--key', signer.key.x, '--anchors', anchors)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there were entries up to 4'),
    })
    expect((await run(['audit', 'verify', file('none')], { env })).code).toBe(1)
  })
})
