import { generateKeyPairSync } from 'node:crypto'
import { isoCBOR } from '@simplewebauthn/server/helpers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAuthenticator, type TestAuthenticator } from '../../testing/authenticator.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { challengeForSignIn, creationOver, withPasskey } from '../../testing/passkeys.ts'
import { bearer, createPerson } from '../../testing/people.ts'
import { postTo } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let database: TestDatabase
let server: TestServer
let accessToken: string
let shown: TestAuthenticator
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
  ;({ accessToken, authenticator: shown } = await withPasskey(server, await createPerson(server)))
})
afterAll(async () => {
  await server.close()
  await database.close()
})

type CoseValue = number | Uint8Array
const cose = (...entries: readonly (readonly [number, CoseValue])[]): Uint8Array => isoCBOR.encode(new Map(entries))
const es256 = [
  [1, 2],
  [3, -7],
  [-1, 1],
] as const
const bytes = (length: number) => new Uint8Array(length).fill(7)

function coseKeyOf(type: 'ed25519' | 'rsa'): Uint8Array {
  const pair = type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2_048 }) : generateKeyPairSync('ed25519')
  const { x = '', n = '', e = '' } = pair.publicKey.export({ format: 'jwk' })
  const part = (text: string) => Uint8Array.from(Buffer.from(text, 'base64url'))
  return type === 'rsa'
    ? cose([1, 3], [3, -257], [-1, part(n)], [-2, part(e)])
    : cose([1, 1], [3, -8], [-1, 6], [-2, part(x)])
}

describe('a key that is added', () => {
  it.each(['ed25519', 'rsa'] as const)('is one of %s too', async (type) => {
    const credential = createAuthenticator().make(await creationOver(server, accessToken), { coseKey: coseKeyOf(type) })
    const answer = await postTo(server, '/passkeys/registration', { credential }, bearer(accessToken))
    expect(answer.statusCode).toBe(201)
  })
})

describe('an authenticator that writes what none does', () => {
  it.each<[string, Uint8Array]>([
    ['of an algorithm and nothing else', cose([1, 2], [3, -7])],
    ['without a point', cose(...es256)],
    ['beside the curve', cose(...es256, [-2, bytes(32)], [-3, bytes(32)])],
    [
      'on a curve that the algorithm does not go with',
      cose([1, 2], [3, -7], [-1, 3], [-2, bytes(66)], [-3, bytes(66)]),
    ],
    ['of RSA and 16,384 bits', cose([1, 3], [3, -257], [-1, bytes(2_048)], [-2, Uint8Array.of(1, 0, 1)])],
    ['of RSA and 512 bits', cose([1, 3], [3, -257], [-1, bytes(64)], [-2, Uint8Array.of(1, 0, 1)])],
    ['with much else in it', cose(...es256, [-2, bytes(32)], [-3, bytes(32)], [-70_000, bytes(4_000)])],
    ['that is no map', isoCBOR.encode('key')],
    ['that is nothing', new Uint8Array()],
  ])('adds no key %s', async (_, coseKey) => {
    const credential = createAuthenticator().make(await creationOver(server, accessToken), { coseKey })
    const answer = await postTo(server, '/passkeys/registration', { credential }, bearer(accessToken))
    expect(answer.json()).toMatchObject({ status: 400, code: 'passkey-invalid' })
  })

  it('adds no key that is backed up and cannot be', async () => {
    const credential = createAuthenticator().make(await creationOver(server, accessToken), { isBackedUp: true })
    const answer = await postTo(server, '/passkeys/registration', { credential }, bearer(accessToken))
    expect(answer.json()).toMatchObject({ status: 400, code: 'passkey-invalid' })
  })

  it.each<[string, Uint8Array]>([
    ['of arrays in arrays', new Uint8Array(49_000).fill(0x81)],
    ['of maps in maps', new Uint8Array(49_000).fill(0xa1)],
    ['of tags of tags', new Uint8Array(49_000).fill(0xc1)],
    ['that promises four thousand million items', Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff)],
    ['that promises four thousand million bytes', Uint8Array.of(0x5a, 0xff, 0xff, 0xff, 0xff)],
    ['without authenticator data', isoCBOR.encode(new Map([['fmt', 'none']]))],
    ['whose authenticator data are a text', isoCBOR.encode(new Map([['authData', 'text']]))],
    ['whose authenticator data are empty', isoCBOR.encode(new Map([['authData', new Uint8Array()]]))],
  ])('refuses an attestation %s', async (_, object) => {
    const credential = createAuthenticator().make(await creationOver(server, accessToken))
    credential.response['attestationObject'] = Buffer.from(object).toString('base64url')
    const answer = await postTo(server, '/passkeys/registration', { credential }, bearer(accessToken))
    expect(answer.json()).toMatchObject({ status: 400, code: 'passkey-invalid' })
  })

  it.each<[string, Readonly<Record<string, unknown>>, number]>([
    ['client data that are null', { clientDataJSON: Buffer.from('null').toString('base64url') }, 401],
    ['client data of a list', { clientDataJSON: Buffer.from('[[]]').toString('base64url') }, 401],
    [
      'a challenge that is no text',
      { clientDataJSON: Buffer.from('{"challenge":{},"origin":[]}').toString('base64url') },
      401,
    ],
    ['client data that are no text', { clientDataJSON: Buffer.of(0xff, 0xfe, 0).toString('base64url') }, 401],
    ['one byte of authenticator data', { authenticatorData: 'AA' }, 401],
    ['a signature of one byte', { signature: 'AA' }, 401],
    ['base64 with its own letters', { signature: 'AA+/' }, 422],
    ['authenticator data without end', { authenticatorData: 'A'.repeat(9_000) }, 422],
    ['a handle that is a number', { userHandle: 7 }, 422],
  ])('refuses a sign-in with %s', async (_, odd, status) => {
    const credential = shown.show(await challengeForSignIn(server))
    Object.assign(credential.response, odd)
    expect((await postTo(server, '/passkeys/authentication', { credential })).statusCode).toBe(status)
  })

  it('refuses a name that differs from the one that is signed, in its last bits too', async () => {
    const credential = createAuthenticator().make(await creationOver(server, accessToken))
    const last = credential.id.at(-1) ?? ''
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const id = credential.id.slice(0, -1) + letters[letters.indexOf(last) ^ 1]
    expect(Buffer.from(id, 'base64url')).toEqual(Buffer.from(credential.id, 'base64url'))
    const renamed = { ...credential, id, rawId: id }
    const answer = await postTo(server, '/passkeys/registration', { credential: renamed }, bearer(accessToken))
    expect(answer.json()).toMatchObject({ status: 400, code: 'passkey-invalid' })
  })
})
