import { randomBytes } from 'node:crypto'
import { Registry } from '@prometheus-io/client'
import { solveChallenge } from 'altcha-lib'
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2'
import type { FastifyRequest } from 'fastify'
import { describe, expect, it } from 'vitest'
import { createHeadSigner, isSigned } from './audit/heads.ts'
import { createChallenges, proofHeader } from './challenge/proof-of-work.ts'
import { createRenderTokens } from './challenge/render-token.ts'
import { createKnownDevices } from './identity/known-device.ts'
import { deriveKeys, keyLabels, type Masters, mastersOf } from './secrets.ts'

const [old, fresh] = [randomBytes(48).toString('base64'), randomBytes(48).toString('base64')]
/** The steps of a rotation, and what a process of each has. */
const before = mastersOf(old)
const prepared = mastersOf(old, [fresh])
const turned = mastersOf(fresh, [old])
const after = mastersOf(fresh)

/** Each pair may run side by side, or follow one another: what one signs, the other believes. */
const believed: readonly (readonly [string, Masters, Masters])[] = [
  ['the first step', before, prepared],
  ['the second step, by who is not there yet', turned, prepared],
  ['the second step, by who is there', prepared, turned],
  ['the third step', turned, after],
]

describe('what is signed during a rotation of the master secret', () => {
  const subject = { tenantId: 't', formId: 'f' }
  const renderTokens = (masters: Masters) => createRenderTokens(...deriveKeys(masters, keyLabels.renderToken))
  const devices = (masters: Masters) => createKnownDevices(...deriveKeys(masters, keyLabels.knownDevice))
  const cookieOf = (field: string) => field.split(';', 1)[0]
  const challenges = (masters: Masters) =>
    createChallenges({
      secrets: deriveKeys(masters, keyLabels.proofOfWork),
      audience: 'https://example.org',
      clock: { now: () => 1_800_000_000_000 },
      mark: () => true,
      registry: new Registry(),
    })
  const request = (headers: Record<string, string> = {}) =>
    // Only what a challenge is bound to.
    ({ headers, client: { key: '203.0.113.9' }, route: {}, query: {} }) as unknown as FastifyRequest
  const solved = async (masters: Masters) => {
    const challenge = challenges(masters).issue(request(), 'login') as Parameters<typeof solveChallenge>[0]['challenge']
    return btoa(JSON.stringify({ challenge, solution: await solveChallenge({ challenge, deriveKey }) }))
  }
  const head = { tenantId: 't', seq: 1, hash: '00'.repeat(32), signedAtMs: 0 }

  it.each(believed)('is believed on both sides of %s', async (_step, signer, reader) => {
    const token = renderTokens(signer).issue(subject, 1)
    expect(renderTokens(reader).verify(token, subject)).toMatchObject({ issuedAtMs: 1 })
    const cookie = cookieOf(devices(signer).remember(undefined, 'ada'))
    expect(devices(reader).find(cookie, 'ada')).toBeDefined()
    const proof = request({ [proofHeader]: await solved(signer) })
    expect(await challenges(reader).isSolved(proof, 'login')).toBe(true)
    expect(isSigned(createHeadSigner(signer).sign(head), createHeadSigner(reader).keys)).toBe(true)
  })

  it('is worth nothing under a secret that is gone', async () => {
    const token = renderTokens(before).issue(subject, 1)
    expect(renderTokens(after).verify(token, subject)).toBeUndefined()
    expect(devices(after).find(cookieOf(devices(before).remember(undefined, 'ada')), 'ada')).toBeUndefined()
    const proof = request({ [proofHeader]: await solved(before) })
    expect(await challenges(after).isSolved(proof, 'login')).toBe(false)
    expect(isSigned(createHeadSigner(before).sign(head), createHeadSigner(after).keys)).toBe(false)
  })

  it('is signed anew for a device that comes back, whose other accounts keep their place', () => {
    const first = cookieOf(devices(before).remember(undefined, 'ada'))
    const second = cookieOf(devices(before).remember(first, 'bob'))
    const third = cookieOf(devices(turned).remember(second, 'ada'))
    expect(third?.split('.')).toHaveLength(3)
    expect(devices(after).find(third, 'ada')).toBeDefined()
    expect(devices(after).find(third, 'bob')).toBeUndefined()
    expect(devices(turned).find(third, 'bob')).toBeDefined()
  })
})

describe('mastersOf', () => {
  it('counts a secret once, and the current one as current', () => {
    expect(mastersOf(old, [old, fresh, fresh])).toEqual(mastersOf(old, [fresh]))
  })
})
