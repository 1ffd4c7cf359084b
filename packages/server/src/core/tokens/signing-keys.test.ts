import { Buffer } from 'node:buffer'
import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { asOwner, createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { createKeyRing, seal } from '../credentials/sealing.ts'
import { createId } from '../ids.ts'
import { createLogger } from '../logging/logging.ts'
import { keyLabels } from '../secrets.ts'
import { createAccessTokens } from './access-token.ts'
import { ACCESS_LIFETIME_S, SKEW_S } from './access-token-claims.ts'
import { makeKey, openKey } from './signing-key.ts'
import { addKey, listSigningKeys, revokeSigningKeys, rotateSigningKeys } from './signing-key-table.ts'
import { createSigningKeys, SigningKeyError, type SigningKeys } from './signing-keys.ts'

const master = Buffer.from('Zk3vQm8xT1pLr6wYb9cN4hJd7sGf2aKe5uXo0iVtRqM=')
const otherMaster = Buffer.from('u8Jw2nQe6vXr0bLs4tYk9mCz3hPd7fGa1iNo5cVx8Zs=')

let database: TestDatabase
let logLines: string[]
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  logLines = []
  await asOwner(owner(), 'delete from signing_key')
})

const owner = () => database.target('rempart_owner')
/** Another process of the same installation. */
const openProcess = (
  [current, ...previous]: readonly [Buffer, ...Buffer[]] = [master],
  nowMs?: () => number,
): SigningKeys =>
  createSigningKeys({
    pool: database.app,
    masters: { current, previous },
    log: createLogger({ level: 'trace', destination: { write: (line) => void logLines.push(line) } }),
    ...(nowMs && { nowMs }),
  })
const states = async () => (await listSigningKeys(database.worker)).map(({ kid, state }) => ({ kid, state }))
const kidOf = async (state: string) => (await states()).find((key) => key.state === state)?.kid
/** As if so long had gone by for every key. */
const pass = (time: string) =>
  asOwner(
    owner(),
    `update signing_key set created_at = created_at - interval '${time}', not_before = not_before - interval '${time}',
       activated_at = activated_at - interval '${time}', rotate_after = rotate_after - interval '${time}',
       retired_at = retired_at - interval '${time}', remove_after = remove_after - interval '${time}'`,
  )
const readingsOf = (query: { readonly mock: { readonly calls: readonly unknown[][] } }) =>
  query.mock.calls.filter(([text]) => JSON.stringify(text).includes('read-signing-keys')).length
const ringOf = (current: Buffer) => createKeyRing({ current }, keyLabels.signingKey)
const tokensOf = (keys: SigningKeys) =>
  createAccessTokens({
    keys,
    issuer: 'https://a.example',
    audience: 'https://a.example',
    clock: { now: () => Date.now() },
  })
const subject = () => ({
  sub: createId(),
  tid: createId(),
  sid: createId(),
  client_id: 'rempart',
  amr: ['pwd'],
  acr: 'aal1' as const,
  auth_time: Math.floor(Date.now() / 1_000),
})

describe('the first start', () => {
  it('makes one pair, whatever number of processes start at once', async () => {
    const processes = Array.from({ length: 6 }, () => openProcess())
    const sets = await Promise.all(processes.map((keys) => keys.ready()))
    expect((await states()).map(({ state }) => state)).toEqual(['active', 'next'])
    expect(new Set(sets.map((set) => set.signing?.kid))).toEqual(new Set([await kidOf('active')]))
    const { token } = await tokensOf(openProcess()).mint(subject())
    for (const keys of processes) await expect(tokensOf(keys).verify(token)).resolves.toBeTypeOf('object')
  })

  it('asks the database nothing until a key is wanted', () => {
    const pool = { query: vi.fn() }
    createSigningKeys({ pool, masters: { current: master }, log: createLogger({ level: 'silent' }) })
    expect(pool.query).not.toHaveBeenCalled()
  })
})

describe('a rotation', () => {
  it('waits until the next key has been published for longer than a token lives', async () => {
    const keys = openProcess()
    await keys.ready()
    const [active, next] = await listSigningKeys(database.worker)
    expect(await rotateSigningKeys(database.worker)).toBe(false)
    const leadMs = Number(next?.notBefore) - Number(next?.createdAt)
    expect(leadMs).toBeGreaterThan((ACCESS_LIFETIME_S + SKEW_S) * 1_000)
    await pass('29 minutes')
    expect(await rotateSigningKeys(database.worker)).toBe(false)
    expect(await kidOf('active')).toBe(active?.kid)
    // It was asked for: it happens as soon as it may, without being asked again.
    await pass('1 minute')
    await openProcess().ready()
    expect(await kidOf('active')).toBe(next?.kid)
  })

  it('comes by itself after ninety days', async () => {
    await openProcess().ready()
    const next = await kidOf('next')
    await pass('89 days')
    await openProcess().ready()
    expect(await kidOf('active')).not.toBe(next)
    await pass('1 day')
    await openProcess().ready()
    expect(await kidOf('active')).toBe(next)
    expect((await states()).map(({ state }) => state)).toEqual(['active', 'next', 'retired'])
  })

  it('mid-flight: every process signs with the new key, and tokens of the old one live on', async () => {
    const [one, two] = [openProcess(), openProcess()]
    await Promise.all([one.follow(database.target('rempart_app')), two.follow(database.target('rempart_app'))])
    const tokens = [tokensOf(one), tokensOf(two)]
    const old = await tokens[0]?.mint(subject())
    await pass('31 minutes')
    const before = await kidOf('active')
    expect(await rotateSigningKeys(database.worker)).toBe(true)
    for (const keys of [one, two]) await expect.poll(() => keys.current()?.signing?.kid).not.toBe(before)
    for (const each of tokens) {
      await expect(each.verify(old?.token ?? '')).resolves.toBeTypeOf('object')
      const { token } = await each.mint(subject())
      expect(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).toContain(
        `"kid":"${await kidOf('active')}"`,
      )
      for (const other of tokens) await expect(other.verify(token)).resolves.toBeTypeOf('object')
    }
    // The place of the next is filled, by one of them.
    await expect.poll(async () => (await states()).map(({ state }) => state)).toEqual(['active', 'next', 'retired'])
    await Promise.all([one.stop(), two.stop()])
  })

  it('keeps the old key until nothing that it signed can be valid, then forgets it', async () => {
    await openProcess().ready()
    await pass('31 minutes')
    await rotateSigningKeys(database.worker)
    const retired = (await listSigningKeys(database.worker)).find(({ state }) => state === 'retired')
    expect(Number(retired?.removeAfter) - Number(retired?.retiredAt)).toBeGreaterThan(
      (ACCESS_LIFETIME_S + SKEW_S) * 1_000,
    )
    await pass('29 minutes')
    expect((await openProcess().ready()).find(retired?.kid ?? '')).toBeDefined()
    await pass('1 minute')
    expect((await openProcess().ready()).find(retired?.kid ?? '')).toBeUndefined()
  })

  it('is followed without its message: every minute', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const query = vi.spyOn(database.app, 'query')
    const keys = openProcess()
    await keys.follow(database.target('rempart_app'))
    // Two readings to fill the places, and one once the connection stands; from then on nobody speaks.
    await expect.poll(() => readingsOf(query)).toBe(3)
    await Promise.all(query.mock.results.map(({ value }) => value))
    await pass('91 days')
    await vi.advanceTimersByTimeAsync(60_000)
    await expect.poll(() => keys.current()?.all.length).toBe(3)
    vi.useRealTimers()
    await keys.stop()
  })
})

describe('keys that were revoked', () => {
  it('end with their tokens on every process, and others are made', async () => {
    const keys = openProcess()
    await keys.follow(database.target('rempart_app'))
    const tokens = tokensOf(keys)
    const { token } = await tokens.mint(subject())
    await tokens.verify(token)
    const before = keys.current()
    expect(await revokeSigningKeys(database.worker)).toBe(2)
    await expect.poll(() => keys.current()?.signing?.kid).not.toBe(before?.signing?.kid)
    await expect(async () => tokens.verify(token)).rejects.toMatchObject({ options: { reason: 'token-key' } })
    await expect(tokensOf(keys).verify((await tokens.mint(subject())).token)).resolves.toBeTypeOf('object')
    await keys.stop()
  })
})

describe('an unknown key', () => {
  it('is looked for once in five seconds, however many tokens name one', async () => {
    const clock = { nowMs: 0 }
    const query = vi.spyOn(database.app, 'query')
    const keys = openProcess([master], () => clock.nowMs)
    await keys.ready()
    query.mockClear()
    const ask = () => Promise.all(Array.from({ length: 200 }, () => keys.readAgain()))
    await ask()
    expect(readingsOf(query)).toBeLessThanOrEqual(2)
    query.mockClear()
    clock.nowMs = 4_999
    await ask()
    expect(query).not.toHaveBeenCalled()
    clock.nowMs = 5_000
    await ask()
    expect(readingsOf(query)).toBeGreaterThan(0)
  })

  it('that another process has made since is found', async () => {
    const lonely = openProcess()
    await lonely.ready()
    await revokeSigningKeys(database.worker)
    const { token } = await tokensOf(openProcess()).mint(subject())
    await expect(tokensOf(lonely).verify(token)).resolves.toBeTypeOf('object')
  })
})

describe('the private part', () => {
  it('is in the database under a seal only', async () => {
    const { signing } = await openProcess().ready()
    const jwk = signing?.privateKey.export({ format: 'jwk' })
    const seed = Buffer.from(jwk?.d ?? '', 'base64url')
    expect(seed).toHaveLength(32)
    const dump = await asOwner(owner(), 'select row_to_json(k)::text as row, sealed_private from signing_key k')
    expect(dump.rows).toHaveLength(2)
    for (const { row, sealed_private } of dump.rows) {
      for (const form of ['hex', 'base64', 'base64url'] as const) {
        expect(row).not.toContain(seed.toString(form).replace(/=+$/, ''))
      }
      expect(sealed_private.includes(seed)).toBe(false)
      expect(row).not.toContain('"d"')
    }
  })

  it('is in no log line, at any level, of a first start, a rotation and a refusal', async () => {
    const first = await openProcess().ready()
    await pass('31 minutes')
    await rotateSigningKeys(database.worker)
    const second = await openProcess().ready()
    await openProcess([otherMaster])
      .ready()
      .catch(() => {})
    expect(logLines.length).toBeGreaterThan(3)
    for (const { signing } of [first, second]) {
      const { d = '' } = signing?.privateKey.export({ format: 'jwk' }) ?? {}
      for (const form of ['hex', 'base64', 'base64url'] as const) {
        expect(logLines.join('')).not.toContain(Buffer.from(d, 'base64url').toString(form).replace(/=+$/, ''))
      }
    }
  })

  it('does not open in another row, for another purpose, when changed, or under another secret', () => {
    const sealing = ringOf(Buffer.alloc(32, 1))
    const key = makeKey('access-token', sealing)
    expect(openKey(key, sealing)).toBeDefined()
    expect(openKey(key, ringOf(Buffer.alloc(32, 2)))).toBeUndefined()
    expect(openKey({ ...key, purpose: 'audit-head' }, sealing)).toBeUndefined()
    const other = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' })
    const swapped = seal(sealing, other, ['signing-key', key.purpose, key.kid])
    expect(openKey({ ...key, sealedPrivate: swapped }, sealing)).toBeUndefined()
    expect(openKey({ ...key, kid: makeKey('access-token', sealing).kid }, sealing)).toBeUndefined()
    for (const index of [0, 12, key.sealedPrivate.length - 1]) {
      const changed = Buffer.from(key.sealedPrivate)
      changed[index] = (changed[index] ?? 0) ^ 1
      expect(openKey({ ...key, sealedPrivate: changed }, sealing)).toBeUndefined()
    }
    expect(openKey({ ...key, sealedPrivate: Buffer.alloc(0) }, sealing)).toBeUndefined()
  })
})

describe('whoever writes into the database', () => {
  it('has no key of theirs believed without the master secret, through the function or past it', async () => {
    const keys = openProcess()
    await keys.ready()
    await asOwner(owner(), "delete from signing_key where state = 'next'")
    const theirs = makeKey('access-token', ringOf(Buffer.alloc(32, 7)))
    expect(await addKey(database.app, theirs)).toBe('next')
    expect((await openProcess().ready()).find(theirs.kid)).toBeUndefined()
    // The public part that a row shows is not what is believed.
    await asOwner(owner(), `update signing_key set public_jwk = '${JSON.stringify(theirs.publicJwk)}'`)
    const shown = (await openProcess().ready()).all.map(({ publicJwk }) => publicJwk.x)
    expect(shown).not.toContain(theirs.publicJwk.x)
  })

  it('as a serving role changes no key but by the rules', async () => {
    await openProcess().ready()
    for (const statement of [
      "update signing_key set state = 'retired'",
      'delete from signing_key',
      'insert into signing_key select * from signing_key',
      "select end_signing_keys('access-token')",
      "select hasten_signing_keys('access-token')",
    ]) {
      await expect(database.app.query(statement), statement).rejects.toMatchObject({ code: '42501' })
    }
    await expect(database.worker.query('select sealed_private from signing_key')).rejects.toMatchObject({
      code: '42501',
    })
    expect(await addKey(database.app, makeKey('access-token', ringOf(Buffer.alloc(32, 7))))).toBeNull()
  })
})

describe('a master secret that was changed', () => {
  it('still opens the keys when the one before it is named, and seals new ones by itself', async () => {
    const before = await openProcess().ready()
    const { token } = await tokensOf(openProcess()).mint(subject())
    const both = openProcess([otherMaster, master])
    expect((await both.ready()).signing?.kid).toBe(before.signing?.kid)
    await expect(tokensOf(both).verify(token)).resolves.toBeTypeOf('object')
    await pass('91 days')
    await openProcess([otherMaster, master]).ready()
    const next = (await kidOf('next')) ?? ''
    expect((await openProcess([otherMaster, master]).ready()).find(next)).toBeDefined()
    expect((await openProcess([master]).ready()).find(next)).toBeUndefined()
  })

  it('without the one before it, refuses to start rather than to sign for nobody, and changes no key', async () => {
    await openProcess().ready()
    const before = await states()
    const refused = openProcess([otherMaster]).follow(database.target('rempart_app'))
    await expect(refused).rejects.toThrow(SigningKeyError)
    await expect(refused).rejects.toThrow('REMPART_SECRET_KEY')
    expect(await states()).toEqual(before)
    // What the message says to do when it is lost.
    await revokeSigningKeys(database.worker)
    await expect(openProcess([otherMaster]).ready()).resolves.toBeTypeOf('object')
  })
})
