import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createProofOfWork, type MarkOnce, type ProofEffort, type ProofOfWorkOptions } from './proof-of-work.ts'
import type { ProofChallenge, ProofScope } from './proof-seal.ts'

const nowMs = 1_790_000_000_000
const secret = 'a secret of this test that has more than 32 bytes'
const scope: ProofScope = { form: 'contact', tenant: 'acme' }

const pbkdf2Effort: ProofEffort = { format: 'v2', algorithm: 'PBKDF2/SHA-256', cost: 50, digits: 1 }
const shaEffort: ProofEffort = { format: 'v2', algorithm: 'SHA-256', cost: 2, digits: 2 }
const oldEffort: ProofEffort = { format: 'v1', maxNumber: 1_000 }

const prove = (effort: ProofEffort, options: Partial<ProofOfWorkOptions> = {}) =>
  createProofOfWork({ secret, audience: 'https://api.example.org', effort, ...options })

function memoryMarks(): { mark: MarkOnce; keys: Set<string>; ttls: number[] } {
  const keys = new Set<string>()
  const ttls: number[] = []
  return {
    keys,
    ttls,
    mark: (key, ttlMs) => {
      ttls.push(ttlMs)
      return !keys.has(key) && keys.add(key) !== undefined
    },
  }
}

type V2 = Extract<ProofChallenge, { parameters: unknown }>
type V1 = Exclude<ProofChallenge, V2>

const encode = (payload: unknown): string => Buffer.from(JSON.stringify(payload)).toString('base64')

function deriveV2({ parameters }: V2, counter: number): string {
  const password = Buffer.concat([Buffer.from(parameters.nonce, 'hex'), Buffer.alloc(4)])
  password.writeUInt32BE(counter, 16)
  const salt = Buffer.from(parameters.salt, 'hex')
  if (parameters.algorithm !== 'SHA-256') {
    return pbkdf2Sync(password, salt, parameters.cost, 32, 'sha256').toString('hex')
  }
  let key = createHash('sha256').update(salt).update(password).digest()
  for (let round = 1; round < parameters.cost; round += 1) key = createHash('sha256').update(key).digest()
  return key.toString('hex')
}

function solveV2(challenge: V2): { challenge: V2; solution: { counter: number; derivedKey: string; time: number } } {
  for (let counter = 0; ; counter += 1) {
    const derivedKey = deriveV2(challenge, counter)
    if (derivedKey.startsWith(challenge.parameters.keyPrefix)) {
      return { challenge, solution: { counter, derivedKey, time: 12.5 } }
    }
  }
}

function solveV1({ algorithm, challenge, salt, signature }: V1): Record<string, unknown> {
  for (let number = 0; ; number += 1) {
    if (createHash('sha256').update(`${salt}${number}`).digest('hex') === challenge) {
      return { algorithm, challenge, salt, signature, number, took: 3 }
    }
  }
}

const solve = (challenge: ProofChallenge): object =>
  'parameters' in challenge ? solveV2(challenge) : solveV1(challenge)

function issueV2(effort: ProofEffort = shaEffort, of: ProofScope = scope): V2 {
  const challenge = prove(effort).issue(of, nowMs)
  if (!('parameters' in challenge)) throw new Error('not of the second format')
  return challenge
}

describe('createProofOfWork', () => {
  describe.each([
    ['PBKDF2', pbkdf2Effort],
    ['SHA-256', shaEffort],
    ['the first format', oldEffort],
  ])('with %s', (_name, effort) => {
    const work = prove(effort)

    it('accepts what was solved, once', async () => {
      const { mark } = memoryMarks()
      const payload = encode(solve(work.issue(scope, nowMs)))
      await expect(work.verify(payload, scope, nowMs + 1_000, mark)).resolves.toEqual({ ok: true })
      await expect(work.verify(payload, scope, nowMs + 1_001, mark)).resolves.toEqual({ ok: false, reason: 'replayed' })
    })

    it('accepts one of a hundred copies sent at once', async () => {
      const { mark } = memoryMarks()
      const payload = encode(solve(work.issue(scope, nowMs)))
      const late: MarkOnce = async (key, ttlMs) => mark(key, ttlMs)
      const verdicts = await Promise.all(
        Array.from({ length: 100 }, () => prove(effort).verify(payload, scope, nowMs, late)),
      )
      expect(verdicts.filter(({ ok }) => ok)).toHaveLength(1)
    })

    it.each<[string, ProofScope]>([
      ['another form', { ...scope, form: 'newsletter' }],
      ['another tenant', { ...scope, tenant: 'globex' }],
      ['no tenant', { form: 'contact' }],
      ['a subject that was not named', { ...scope, subject: '203.0.113.7' }],
      ['parts cut elsewhere', { form: 'contac', tenant: 'tacme' }],
      ['parts joined in one', { form: 'contact4:acme', tenant: '' }],
    ])('refuses it for %s', async (_case, other) => {
      const payload = encode(solve(work.issue(scope, nowMs)))
      const { mark, keys } = memoryMarks()
      await expect(work.verify(payload, other, nowMs, mark)).resolves.toEqual({ ok: false, reason: 'signature' })
      expect(keys.size).toBe(0)
    })

    it('refuses one issued to another client, for another audience or under another secret', async () => {
      const { mark } = memoryMarks()
      const mine = { ...scope, subject: '203.0.113.7' }
      const payload = encode(solve(work.issue(mine, nowMs)))
      const others = [
        work.verify(payload, { ...scope, subject: '203.0.113.8' }, nowMs, mark),
        work.verify(payload, scope, nowMs, mark),
        prove(effort, { audience: 'https://other.example.org' }).verify(payload, mine, nowMs, mark),
        prove(effort, { secret: 'b'.repeat(40) }).verify(payload, mine, nowMs, mark),
      ]
      for (const verdict of await Promise.all(others)) expect(verdict).toEqual({ ok: false, reason: 'signature' })
      await expect(work.verify(payload, mine, nowMs, mark)).resolves.toEqual({ ok: true })
    })

    it('refuses it from the second it expires, and remembers it longer than that', async () => {
      const { mark, ttls } = memoryMarks()
      const short = prove(effort, { lifetimeMs: 5_000 })
      const payload = encode(solve(short.issue(scope, nowMs)))
      await expect(short.verify(payload, scope, nowMs + 5_000, mark)).resolves.toEqual({ ok: false, reason: 'expired' })
      await expect(short.verify(payload, scope, nowMs + 4_999, mark)).resolves.toEqual({ ok: true })
      expect(ttls).toEqual([60_001])
    })

    it('spends a challenge on its first wrong answer, so that guesses cost the guesser', async () => {
      const { mark } = memoryMarks()
      const challenge = work.issue(scope, nowMs)
      const right = solve(challenge)
      const wrong =
        'parameters' in challenge
          ? {
              challenge,
              solution: { counter: 4_000_000_000, derivedKey: challenge.parameters.keyPrefix.padEnd(64, 'f') },
            }
          : { ...right, number: 999_999 }
      const verdict = await work.verify(encode(wrong), scope, nowMs, mark)
      expect(verdict).toEqual({ ok: false, reason: 'wrong-answer' })
      await expect(work.verify(encode(right), scope, nowMs, mark)).resolves.toEqual({ ok: false, reason: 'replayed' })
    })

    it('refuses, and says why, when the store does not answer', async () => {
      const payload = encode(solve(work.issue(scope, nowMs)))
      const failures: MarkOnce[] = [
        () => undefined,
        async () => undefined,
        () => Promise.reject(new Error('gone')),
        () => {
          throw new Error('gone')
        },
      ]
      for (const mark of failures) {
        await expect(work.verify(payload, scope, nowMs, mark)).resolves.toEqual({ ok: false, reason: 'store-failure' })
      }
    })

    it('refuses what is no payload of the widget, and never throws', async () => {
      const { mark, keys } = memoryMarks()
      const solved = solve(work.issue(scope, nowMs))
      const text = encode(solved)
      const broken: unknown[] = [
        undefined,
        null,
        42,
        '',
        '{}',
        solved,
        JSON.stringify(solved),
        `${text} `,
        `${text}\n`,
        text.slice(0, -8),
        encode(null),
        encode([solved]),
        encode('text'),
        encode({ challenge: null, solution: null, test: true }),
        encode({ ...solved, challenge: 1 }),
        encode({ padding: 'x'.repeat(5_000), ...solved }),
        '%%%%',
        Buffer.from('{"__proto__":{}}').toString('base64'),
      ]
      for (const payload of broken) {
        await expect(work.verify(payload, scope, nowMs, mark)).resolves.toEqual({ ok: false, reason: 'malformed' })
      }
      expect(keys.size).toBe(0)
    })
  })

  it.each<[string, Partial<V2['parameters']>]>([
    ['fewer iterations', { cost: 1 }],
    ['a shorter prefix', { keyPrefix: '0' }],
    ['another prefix', { keyPrefix: 'ff' }],
    ['another algorithm', { algorithm: 'PBKDF2/SHA-256' }],
    ['a shorter key', { keyLength: 1 }],
    ['a later end', { expiresAt: 9_999_999_999 }],
    ['another nonce', { nonce: '0'.repeat(32) }],
    ['another salt', { salt: '0'.repeat(32) }],
  ])('refuses a challenge altered to %s', async (_case, change) => {
    const { mark } = memoryMarks()
    const challenge = issueV2()
    const altered = { ...challenge, parameters: { ...challenge.parameters, ...change } }
    const verdict = await prove(shaEffort).verify(encode(solveV2(altered)), scope, nowMs, mark)
    expect(verdict).toEqual({ ok: false, reason: 'signature' })
  })

  it.each<[string, unknown]>([
    ['a cost that is no number', { cost: '2' }],
    ['a huge cost', { cost: 1e300 }],
    ['a negative cost', { cost: -1 }],
    ['an endless time', { expiresAt: 1e308 }],
    ['an empty prefix', { keyPrefix: '' }],
    ['a prefix in upper case', { keyPrefix: 'AB' }],
    ['parameters of another algorithm', { memoryCost: 65_536 }],
    ['a salt of another length', { salt: '00' }],
  ])('takes %s for no payload at all', async (_case, change) => {
    const { challenge, solution } = solveV2(issueV2())
    const altered = { ...challenge, parameters: { ...challenge.parameters, ...(change as object) } }
    const { mark } = memoryMarks()
    const verdict = await prove(shaEffort).verify(encode({ challenge: altered, solution }), scope, nowMs, mark)
    expect(verdict).toEqual({ ok: false, reason: 'malformed' })
  })

  it.each([4_294_967_296, -1, 0.5, 1e300, Number.MAX_SAFE_INTEGER, '1', null])(
    'takes the counter %s for no payload at all',
    async (counter) => {
      const { challenge, solution } = solveV2(issueV2())
      const payload = encode({ challenge, solution: { ...solution, counter } })
      const verdict = await prove(shaEffort).verify(payload, scope, nowMs, memoryMarks().mark)
      expect(verdict).toEqual({ ok: false, reason: 'malformed' })
    },
  )

  it('refuses the key of another counter and a counter that wraps round', async () => {
    const { challenge, solution } = solveV2(issueV2())
    const forged = { ...solution, counter: solution.counter + 1 }
    const verdict = await prove(shaEffort).verify(
      encode({ challenge, solution: forged }),
      scope,
      nowMs,
      memoryMarks().mark,
    )
    expect(verdict).toEqual({ ok: false, reason: 'wrong-answer' })
  })

  it('refuses the true key of a counter whose key does not begin as asked', async () => {
    const challenge = issueV2()
    let counter = 0
    while (deriveV2(challenge, counter).startsWith('00')) counter += 1
    const payload = encode({ challenge, solution: { counter, derivedKey: deriveV2(challenge, counter) } })
    const verdict = await prove(shaEffort).verify(payload, scope, nowMs, memoryMarks().mark)
    expect(verdict).toEqual({ ok: false, reason: 'wrong-answer' })
  })

  it('refuses challenges kept from a time when less work was asked for', async () => {
    const { mark } = memoryMarks()
    const cheap = encode(solveV2(issueV2({ ...shaEffort, cost: 1 })))
    const short = encode(solveV2(issueV2({ ...shaEffort, digits: 1 })))
    const old = encode(solve(prove(oldEffort).issue(scope, nowMs)))
    const harder = prove({ format: 'v1', maxNumber: 2_000 })
    for (const payload of [cheap, short]) {
      const verdict = await prove(shaEffort).verify(payload, scope, nowMs, mark)
      expect(verdict).toEqual({ ok: false, reason: 'too-easy' })
    }
    await expect(harder.verify(old, scope, nowMs, mark)).resolves.toEqual({ ok: false, reason: 'too-easy' })
    // The formats are apart: what one signed, the other does not know.
    await expect(prove(shaEffort).verify(old, scope, nowMs, mark)).resolves.toEqual({ ok: false, reason: 'malformed' })
  })

  it('refuses a number, a limit or a time moved into or out of the salt', async () => {
    const work = prove(oldEffort)
    const challenge = work.issue(scope, nowMs) as V1
    const solved = solveV1(challenge)
    const { number } = solved
    // What a signature over the bare hash would let through: a salt that ends in a digit of the number.
    const spliced = {
      ...solved,
      salt: `${challenge.salt}${String(number).slice(0, 1)}`,
      number: Number(String(number).slice(1)),
    }
    const longer = { ...solved, salt: challenge.salt.replace(/expires=\d+/, 'expires=9999999999') }
    const own = '00'.repeat(16) + challenge.salt.slice(32)
    const forged = { ...solved, salt: own, number: 1, challenge: createHash('sha256').update(`${own}1`).digest('hex') }
    for (const payload of [spliced, longer, forged]) {
      const verdict = await work.verify(encode(payload), scope, nowMs, memoryMarks().mark)
      expect(verdict.ok).toBe(false)
    }
  })

  it('signs no two scopes alike, whatever texts they hold', () => {
    const text = fc.string({ unit: 'binary', maxLength: 6 })
    const scopes = fc.record({
      form: text,
      tenant: fc.option(text, { nil: undefined }),
      subject: fc.option(text, { nil: undefined }),
    })
    fc.assert(
      fc.asyncProperty(scopes, scopes, async (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other))
        const payload = encode(solveV2(issueV2({ ...shaEffort, digits: 1, cost: 1 }, one)))
        const work = prove({ ...shaEffort, digits: 1, cost: 1 })
        const verdict = await work.verify(payload, other, nowMs, memoryMarks().mark)
        expect(verdict).toEqual({ ok: false, reason: 'signature' })
      }),
      { numRuns: 50 },
    )
  })

  it('tells an absent subject from an empty one, and lone surrogates from each other', async () => {
    const work = prove({ ...shaEffort, digits: 1 })
    const pairs: [ProofScope, ProofScope][] = [
      [scope, { ...scope, subject: '' }],
      [{ form: '\ud800' }, { form: '\ud801' }],
    ]
    for (const [one, other] of pairs) {
      const payload = encode(solve(work.issue(one, nowMs)))
      const verdict = await work.verify(payload, other, nowMs, memoryMarks().mark)
      expect(verdict).toEqual({ ok: false, reason: 'signature' })
    }
  })

  it('issues no challenge twice and marks each under a key of its own', async () => {
    const { mark, keys } = memoryMarks()
    const work = prove({ ...shaEffort, digits: 1, cost: 1 })
    for (let count = 0; count < 50; count += 1) {
      await work.verify(encode(solve(work.issue(scope, nowMs))), scope, nowMs, mark)
    }
    expect(keys.size).toBe(50)
  })

  it('is not forged by a signature over the plain parameters under a guessed key', async () => {
    const challenge = issueV2()
    const signature = createHmac('sha256', '').update(JSON.stringify(challenge.parameters)).digest('hex')
    const verdict = await prove(shaEffort).verify(
      encode(solveV2({ ...challenge, signature })),
      scope,
      nowMs,
      memoryMarks().mark,
    )
    expect(verdict).toEqual({ ok: false, reason: 'signature' })
  })

  it.each<[string, Partial<ProofOfWorkOptions>]>([
    ['a short secret', { secret: 'short' }],
    ['no lifetime', { lifetimeMs: 0 }],
    ['an endless lifetime', { lifetimeMs: 86_400_001 }],
    ['no iterations', { effort: { ...pbkdf2Effort, cost: 0 } as ProofEffort }],
    ['iterations that would hold the event loop', { effort: { ...shaEffort, cost: 1_001 } as ProofEffort }],
    ['more digits than a counter has room for', { effort: { ...shaEffort, digits: 7 } as ProofEffort }],
    ['a number found at once', { effort: { format: 'v1', maxNumber: 10 } }],
  ])('does not start with %s', (_case, options) => {
    expect(() => prove(shaEffort, options)).toThrow(RangeError)
  })
})
