import { Buffer } from 'node:buffer'
import { createHash, createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { CompactSign, exportJWK, exportSPKI } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { asOwner, createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { createId } from '../ids.ts'
import { createLogger } from '../logging/logging.ts'
import { ProblemError } from '../problem.ts'
import { type AccessTokens, createAccessTokens } from './access-token.ts'
import type { AccessClaims, TokenSubject } from './access-token-claims.ts'
import { createSigningKeys, type SigningKeys } from './signing-keys.ts'

const issuer = 'https://auth.example.org'
const audience = 'https://api.example.org'
const master = Buffer.from('Zk3vQm8xT1pLr6wYb9cN4hJd7sGf2aKe5uXo0iVtRqM=')

let database: TestDatabase
let keys: SigningKeys
let clock: { nowMs: number; now(): number }
let tokens: AccessTokens
let active: { kid: string; privateKey: KeyObject; publicKey: KeyObject }
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const openKeys = (): SigningKeys =>
  createSigningKeys({ pool: database.app, masters: { current: master }, log: createLogger({ level: 'silent' }) })

beforeEach(async () => {
  keys = openKeys()
  clock = {
    nowMs: Date.parse('2026-11-21T12:00:00Z'),
    now() {
      return this.nowMs
    },
  }
  tokens = createAccessTokens({ keys, issuer, audience, clock })
  const { signing } = await keys.ready()
  if (signing === undefined) throw new Error('no key')
  active = signing
})

const subject = (): TokenSubject => ({
  sub: createId(),
  tid: createId(),
  sid: createId(),
  client_id: 'rempart',
  amr: ['pwd', 'otp'],
  acr: 'aal2',
  auth_time: clock.nowMs / 1_000 - 60,
})

/** What came of a token: its claims, or why the log says it was refused. Any other failure is a fault. */
async function outcomeOf(token: string): Promise<AccessClaims | string> {
  const read = await tokens.read(token)
  try {
    const claims = await tokens.verify(token)
    expect(read).toEqual(claims)
    return claims
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    expect(read).toBeUndefined()
    expect([error.code, error.options.headers]).toEqual([
      'credential-invalid',
      { 'www-authenticate': 'Bearer error="invalid_token"' },
    ])
    return error.options.reason ?? ''
  }
}

const goodClaims = () => {
  const nowS = clock.nowMs / 1_000
  return {
    iss: issuer,
    aud: audience,
    sub: createId(),
    tid: createId(),
    sid: createId(),
    jti: createId(),
    iat: nowS,
    exp: nowS + 900,
    client_id: 'rempart',
    amr: ['pwd'],
    acr: 'aal1',
    auth_time: nowS,
  }
}
const segment = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const goodHeader = () => ({ alg: 'EdDSA', typ: 'at+jwt', kid: active.kid })
const raw = (header: string, payload: string, signature: Buffer): string =>
  `${header}.${payload}.${signature.toString('base64url')}`
/** Any header and payload under a true signature of the key in use. */
const signed = (header: unknown, payload: unknown): string => signedText(segment(header), segment(payload))
const signedText = (header: string, payload: string): string =>
  raw(header, payload, sign(null, Buffer.from(`${header}.${payload}`), active.privateKey))

describe('a token that was minted here', () => {
  it('is a JWT of RFC 9068 that says whose session it is of, and nothing of roles, permissions or the person', async () => {
    const {
      token,
      claims: told,
      expiresInS,
    } = await tokens.mint({ ...subject(), ...{ email: 'ada@example.org', roles: ['owner'] } })
    const [header, payload] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString())
    expect(header).toBe(`{"alg":"EdDSA","typ":"at+jwt","kid":"${active.kid}"}`)
    const claims = JSON.parse(payload ?? '')
    expect(Object.keys(claims)).toEqual(Object.keys(goodClaims()))
    expect(claims).toEqual(told)
    expect(claims).toMatchObject({ acr: 'aal2', amr: ['pwd', 'otp'], iat: clock.nowMs / 1_000 })
    expect([claims.exp - claims.iat, expiresInS]).toEqual([900, 900])
  })

  it('is verified by a process that only shares the database, and by anybody with the published key', async () => {
    const given = subject()
    const { token } = await tokens.mint(given)
    tokens = createAccessTokens({ keys: openKeys(), issuer, audience, clock })
    expect(await outcomeOf(token)).toMatchObject(given)
    const [head, body, signature = ''] = token.split('.')
    const published = createPublicKey({ key: { ...(await exportJWK(active.publicKey)) }, format: 'jwk' })
    const { verify } = await import('node:crypto')
    expect(verify(null, Buffer.from(`${head}.${body}`), published, Buffer.from(signature, 'base64url'))).toBe(true)
  })

  it('is answered at once the second time, with the same object', async () => {
    const { token } = await tokens.mint(subject())
    const first = await tokens.verify(token)
    expect(tokens.verify(Buffer.from(token).toString())).toBe(first)
  })

  it('ends to the millisecond, remembered or not', async () => {
    const { token } = await tokens.mint(subject())
    await tokens.verify(token)
    clock.nowMs += 900_000 - 1
    expect(await outcomeOf(token)).toBeTypeOf('object')
    clock.nowMs += 1
    expect(await outcomeOf(token)).toBe('token-expired')
    tokens = createAccessTokens({ keys, issuer, audience, clock })
    expect(await outcomeOf(token)).toBe('token-expired')
  })

  it('of a process whose clock is ahead is believed for five seconds, remembered or not', async () => {
    const { token } = await tokens.mint(subject())
    await tokens.verify(token)
    clock.nowMs -= 5_000
    expect(await outcomeOf(token)).toBeTypeOf('object')
    clock.nowMs -= 1_000
    expect(await outcomeOf(token)).toBe('token-not-yet')
    tokens = createAccessTokens({ keys, issuer, audience, clock })
    expect(await outcomeOf(token)).toBe('token-not-yet')
  })

  it('is never one that would be refused', async () => {
    for (const wrong of [{ sub: 'ada' }, { amr: [] }, { client_id: 'é' }, { auth_time: clock.nowMs / 1_000 + 60 }]) {
      await expect(tokens.mint({ ...subject(), ...wrong })).rejects.toThrow(RangeError)
    }
  })
})

describe('class 10: the algorithm is not the attacker’s to choose', () => {
  it('refuses a token without a signature, however "none" is spelt', async () => {
    for (const alg of ['none', 'None', 'nOnE', '']) {
      const header = segment({ ...goodHeader(), alg })
      const payload = segment(goodClaims())
      expect(await outcomeOf(`${header}.${payload}.`)).toBe('token-malformed')
      expect(await outcomeOf(raw(header, payload, Buffer.alloc(64)))).toBe('token-header')
    }
    expect(await outcomeOf(raw(segment(goodHeader()), segment(goodClaims()), Buffer.alloc(64)))).toBe('token-signature')
  })

  it('refuses HS256 and HS512 under the public key, in whatever form it was published', async () => {
    const jwk = (await keys.ready()).all.find(({ kid }) => kid === active.kid)?.publicJwk
    const spki = active.publicKey.export({ format: 'der', type: 'spki' })
    const pem = await exportSPKI(active.publicKey)
    const secrets = [
      Buffer.from(JSON.stringify(jwk)),
      Buffer.from(JSON.stringify({ keys: [jwk] })),
      Buffer.from(jwk?.x ?? '', 'base64url'),
      Buffer.from(jwk?.x ?? ''),
      Buffer.from(pem),
      Buffer.from(pem.trim()),
      spki,
    ]
    for (const secret of secrets) {
      for (const [alg, name] of [
        ['HS256', 'sha256'] as const,
        ['HS512', 'sha512'] as const,
        ['EdDSA', 'sha512'] as const,
      ]) {
        const text = `${segment({ ...goodHeader(), alg })}.${segment(goodClaims())}`
        const forged = `${text}.${createHmac(name, secret).update(text).digest('base64url')}`
        expect(await outcomeOf(forged)).toMatch(/^token-(malformed|header|signature)$/)
      }
    }
  })

  it('refuses RS256, ES256 and another Ed25519 key under the name of ours', async () => {
    const payload = segment(goodClaims())
    for (const [alg, pair] of [
      ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
      ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
      ['EdDSA', generateKeyPairSync('ed25519')],
    ] as const) {
      const token = await new CompactSign(Buffer.from(JSON.stringify(goodClaims())))
        .setProtectedHeader({ ...goodHeader(), alg })
        .sign(pair.privateKey)
      expect(await outcomeOf(token)).toMatch(/^token-(malformed|header|signature)$/)
      const header = segment({ ...goodHeader(), alg })
      expect(await outcomeOf(raw(header, payload, Buffer.alloc(64, 1)))).toMatch(/^token-(header|signature)$/)
    }
    expect(await outcomeOf(signed({ ...goodHeader(), alg: 'Ed25519' }, goodClaims()))).toBe('token-header')
  })

  it('takes no key from the token, nor fetches one', async () => {
    const own = generateKeyPairSync('ed25519')
    const jwk = await exportJWK(own.publicKey)
    for (const extra of [
      { jwk },
      { jku: 'https://evil.example/jwks' },
      { x5u: 'https://evil.example/x' },
      { x5c: ['AA=='] },
    ]) {
      const header = segment({ ...goodHeader(), ...extra })
      const payload = segment(goodClaims())
      const forged = raw(header, payload, sign(null, Buffer.from(`${header}.${payload}`), own.privateKey))
      expect(await outcomeOf(forged)).toBe('token-header')
      expect(await outcomeOf(signedText(header, payload))).toBe('token-header')
    }
  })

  it('refuses extensions, other types, members that stand twice and any other header, truly signed as it is', async () => {
    const { alg, typ, kid } = goodHeader()
    const headers: unknown[] = [
      { ...goodHeader(), crit: ['exp'] },
      { ...goodHeader(), crit: ['b64'], b64: false },
      { ...goodHeader(), b64: false },
      { ...goodHeader(), zip: 'DEF' },
      { ...goodHeader(), cty: 'JWT' },
      ...['JWT', 'at+JWT', 'application/at+jwt', 'id_token', 'rt+jwt', ''].map((other) => ({ alg, typ: other, kid })),
      { alg, kid },
      { alg, typ },
      { typ, kid },
      { kid, typ, alg },
      { alg: [alg], typ, kid },
      { alg, typ, kid: [kid] },
      [goodHeader()],
    ]
    for (const header of headers) expect(await outcomeOf(signed(header, goodClaims()))).toBe('token-header')
    const texts = [
      `{"alg":"EdDSA","typ":"at+jwt","kid":"${kid}","kid":"${kid}"}`,
      `{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"${kid}"}`,
      ` {"alg":"EdDSA","typ":"at+jwt","kid":"${kid}"}`,
      `{"alg":"EdDSA","typ":"at+jwt","kid":"${kid}"}\n`,
      `{"\\u0061lg":"EdDSA","typ":"at+jwt","kid":"${kid}"}`,
      '{',
    ]
    for (const text of texts) {
      const token = signedText(Buffer.from(text).toString('base64url'), segment(goodClaims()))
      expect(await outcomeOf(token), text).toBe('token-header')
    }
  })

  it('finds keys by name in its own table alone', async () => {
    for (const kid of [
      '__proto__',
      'constructor',
      '../../etc/passwd',
      "' or 1=1 --",
      createHash('sha256').digest('base64url'),
    ]) {
      expect(await outcomeOf(signed({ ...goodHeader(), kid }, goodClaims()))).toMatch(/^token-(header|key)$/)
    }
  })
})

describe('class 11: every claim is there and means us', () => {
  it('refuses a token that lacks any one claim, signed with the real key', async () => {
    for (const name of Object.keys(goodClaims())) {
      const { [name as 'iss']: _, ...rest } = goodClaims()
      expect(await outcomeOf(signed(goodHeader(), rest))).toBe(`token-claim-${name}`)
    }
    expect(await outcomeOf(signed(goodHeader(), goodClaims()))).toBeTypeOf('object')
  })

  it('refuses a claim of another type or form', async () => {
    const wrong: Record<string, readonly unknown[]> = {
      iss: [null, 1, [issuer]],
      aud: [[audience], [audience, 'x'], null, {}],
      sub: ['', 'ada', createId().toUpperCase(), ` ${createId()}`, `${createId()}\n`, 7, null],
      tid: ['', createId().replaceAll('-', ''), {}],
      sid: ['', [createId()], `{${createId()}}`],
      jti: ['', 'x', null],
      iat: ['1', null, 1.5, -1, 0, 1e12],
      exp: ['9999999999', null, clock.nowMs / 1_000 + 0.5, -1, clock.nowMs],
      client_id: ['', 'a b', 'é', 'x'.repeat(129), 1, null],
      amr: ['pwd', [], [''], [1], ['PWD'], Array(9).fill('pwd'), null, { length: 1, 0: 'pwd' }],
      acr: ['', '2', 2, 'aal3', 'AAL2', null],
      auth_time: ['1', null, -1, 1.5],
    }
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        const outcome = await outcomeOf(signed(goodHeader(), { ...goodClaims(), [name]: value }))
        expect(outcome, `${name}: ${JSON.stringify(value)}`).toBe(`token-claim-${name}`)
      }
    }
  })

  it('refuses another issuer or audience, however near', async () => {
    for (const iss of [
      `${issuer}/`,
      issuer.toUpperCase(),
      issuer.slice(0, -1),
      `${issuer}.evil.example`,
      audience,
      '',
    ]) {
      expect(await outcomeOf(signed(goodHeader(), { ...goodClaims(), iss }))).toBe('token-issuer')
    }
    for (const aud of [`${audience}/`, audience.toUpperCase(), `${audience},${audience}`, issuer, '*', '']) {
      expect(await outcomeOf(signed(goodHeader(), { ...goodClaims(), aud }))).toBe('token-audience')
    }
  })

  it('refuses times that no token of ours has', async () => {
    const claims = goodClaims()
    const nowS = clock.nowMs / 1_000
    const outcome = (times: object) => outcomeOf(signed(goodHeader(), { ...claims, ...times }))
    expect(await outcome({ exp: nowS + 901 })).toBe('token-lifetime')
    expect(await outcome({ exp: 99_999_999_999 })).toBe('token-lifetime')
    expect(await outcome({ iat: nowS - 900, exp: nowS - 901 })).toBe('token-lifetime')
    expect(await outcome({ iat: nowS - 900, exp: nowS, auth_time: nowS - 900 })).toBe('token-expired')
    expect(await outcome({ iat: nowS + 6, exp: nowS + 906 })).toBe('token-not-yet')
    expect(await outcome({ auth_time: nowS + 6 })).toBe('token-auth-time')
  })

  it('refuses a payload that two readers could read differently', async () => {
    const text = JSON.stringify(goodClaims())
    const payloads = [
      text.replace('{', `{"sub":"${createId()}",`),
      text.replace('{', '{ '),
      `${text}\n`,
      `\uFEFF${text}`,
      text.replace('"sub"', '"s\\u0075b"'),
      '[]',
      'null',
      '"x"',
      '{',
      '',
    ]
    for (const payload of payloads) {
      const token = signedText(segment(goodHeader()), Buffer.from(payload).toString('base64url'))
      expect(await outcomeOf(token), payload).toMatch(/^token-(payload|malformed)$/)
    }
  })
})

describe('class 12: one token has one spelling', () => {
  it('refuses it truncated at every length, from either end', async () => {
    const { token } = await tokens.mint(subject())
    expect(await outcomeOf(token)).toBeTypeOf('object')
    expect(await outcomeOf(token.slice(0, -1))).toBe('token-malformed')
    expect(await outcomeOf(`${token}A`)).toBe('token-malformed')
    for (let length = 0; length < token.length; length += 1) {
      expect(await outcomeOf(token.slice(0, length))).toBeTypeOf('string')
      expect(await outcomeOf(token.slice(token.length - length))).toBeTypeOf('string')
    }
  })

  it('refuses it with white space, padding, other alphabets, more segments, or anything added', async () => {
    const { token } = await tokens.mint(subject())
    const [head = '', body = '', signature = ''] = token.split('.')
    const variants = [
      ...[' ', '\n', '\r\n', '\t', '\0', '=', '==', 'A', '.', '\u200B', '%20'].flatMap((added) => [
        `${token}${added}`,
        `${added}${token}`,
        `${head}${added}.${body}.${signature}`,
        `${head}.${body}${added}.${signature}`,
        `${head}.${added}${body}.${signature}`,
      ]),
      `${head}.${body}.${signature}.${signature}`,
      `${head}..${body}.${signature}`,
      `${head}.${body}`,
      `${token.replaceAll('-', '+').replaceAll('_', '/')}+`,
      `Bearer ${token}`,
      `"${token}"`,
      JSON.stringify({ protected: head, payload: body, signature }),
    ]
    for (const variant of variants) expect(await outcomeOf(variant), JSON.stringify(variant)).toBeTypeOf('string')
  })

  it('refuses every other last character of each segment, the ones that decode to the same bytes too', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const { token } = await tokens.mint(subject())
    const segments = token.split('.')
    let twins = 0
    for (const [index, part] of segments.entries()) {
      for (const last of alphabet.replace(part.at(-1) ?? '', '')) {
        const other = part.slice(0, -1) + last
        if (Buffer.from(other, 'base64url').equals(Buffer.from(part, 'base64url'))) twins += 1
        expect(await outcomeOf(segments.with(index, other).join('.'))).toBeTypeOf('string')
      }
    }
    // The signature alone has four bits to spare.
    expect(twins).toBeGreaterThanOrEqual(15)
  })

  it('refuses it with the case of any one letter changed', async () => {
    const { token } = await tokens.mint(subject())
    for (let index = 0; index < token.length; index += 1) {
      const letter = token[index] ?? ''
      const flipped = letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase()
      if (flipped === letter) continue
      expect(await outcomeOf(token.slice(0, index) + flipped + token.slice(index + 1))).toBeTypeOf('string')
    }
  })

  it('refuses the twin of its signature, S + L', async () => {
    const { token } = await tokens.mint(subject())
    const [head, body, signature = ''] = token.split('.')
    const order = 2n ** 252n + 27742317777372353535851937790883648493n
    const bytes = Buffer.from(signature, 'base64url')
    const s = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + order
    Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse().copy(bytes, 32)
    expect(await outcomeOf(`${head}.${body}.${bytes.toString('base64url')}`)).toBe('token-signature')
  })

  it('refuses one of 5 KB before it reads it, signed with the real key as it is', async () => {
    const long = signed(goodHeader(), { ...goodClaims(), more: 'x'.repeat(3_700) })
    expect(long.length).toBeGreaterThan(5_000)
    expect(await outcomeOf(long)).toBe('token-too-long')
    expect(await outcomeOf('a'.repeat(1_000_000))).toBe('token-too-long')
  })

  it('remembers nothing that was refused', async () => {
    const forged = raw(segment(goodHeader()), segment(goodClaims()), Buffer.alloc(64))
    for (const _ of [1, 2]) expect(await outcomeOf(forged)).toBe('token-signature')
  })
})

describe('class 14: no other token is an access token', () => {
  it('refuses refresh tokens, API keys and other JWTs of this installation', async () => {
    const key = createHash('sha256').update('x').digest('base64url')
    for (const other of [`rmp_rt_${key}`, `rmp_live_0123456789_${key}_abcdef`, key, createId(), '']) {
      expect(await outcomeOf(other)).toBe('token-malformed')
    }
    expect(await outcomeOf(signed({ ...goodHeader(), typ: 'logout+jwt' }, goodClaims()))).toBe('token-header')
  })
})

describe('a key that has gone', () => {
  it('takes its tokens with it, the remembered ones too', async () => {
    const { token } = await tokens.mint(subject())
    const other = openKeys()
    await other.follow(database.target('rempart_app'))
    tokens = createAccessTokens({ keys: other, issuer, audience, clock })
    await tokens.verify(token)
    expect(tokens.verify(token)).not.toBeInstanceOf(Promise)
    const before = other.current()
    await asOwner(
      database.target('rempart_owner'),
      `delete from signing_key where kid = '${active.kid}'; notify rempart_keys`,
    )
    await expect.poll(() => other.current()).not.toBe(before)
    expect(await outcomeOf(token)).toBe('token-key')
    await other.stop()
  })
})
