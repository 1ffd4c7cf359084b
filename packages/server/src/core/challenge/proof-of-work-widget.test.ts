import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createContext, runInContext } from 'node:vm'
import { createProofOfWork, type ProofChallenge, type ProofEffort } from '@rempart/guard'
import { type Challenge, solveChallenge } from 'altcha-lib'
import { deriveKey as derivePbkdf2 } from 'altcha-lib/algorithms/pbkdf2'
import { deriveKey as deriveSha } from 'altcha-lib/algorithms/sha'
import { solveChallenge as solveV1 } from 'altcha-lib/v1'
import { describe, expect, it } from 'vitest'

const nowMs = Date.now()
const scope = { form: 'contact', tenant: 'acme' }

const proofs = (effort: ProofEffort) =>
  createProofOfWork({ secret: 'an interoperability secret of 32 bytes', audience: 'https://api.example.org', effort })

const encode = (payload: unknown): string => btoa(JSON.stringify(payload))

function onceEach(): (key: string) => boolean {
  const seen = new Set<string>()
  return (key) => !seen.has(key) && seen.add(key) !== undefined
}

type V2 = Extract<ProofChallenge, { parameters: unknown }>
const isV2 = (challenge: ProofChallenge): challenge is V2 => 'parameters' in challenge

/** Runs a worker of the published widget as a browser does: in a realm of its own, spoken to by messages. */
function startWidgetWorker(name: 'sha' | 'pbkdf2'): (work: object) => Promise<unknown> {
  const widget = createRequire(import.meta.url).resolve('altcha')
  const script = readFileSync(widget.replace(/main\/altcha\.[a-z.]+$/, `workers/${name}.js`), 'utf8')
  return (work) =>
    new Promise((resolve) => {
      const self: { onmessage?: (message: { data: unknown }) => void; postMessage: (answer: unknown) => void } = {
        postMessage: resolve,
      }
      runInContext(
        script,
        createContext({
          self,
          crypto,
          performance,
          setTimeout,
          TextEncoder,
          AbortController,
          Uint8Array,
          DataView,
          ArrayBuffer,
        }),
      )
      self.onmessage?.({ data: { type: 'work', counterStart: 0, counterStep: 1, timeout: 60_000, ...work } })
    })
}

describe('proofs of work', () => {
  it.each<[string, ProofEffort, typeof deriveSha]>([
    ['PBKDF2', { format: 'v2', algorithm: 'PBKDF2/SHA-256', cost: 100, digits: 2 }, derivePbkdf2],
    [
      'PBKDF2 and a prefix of an odd length',
      { format: 'v2', algorithm: 'PBKDF2/SHA-256', cost: 10, digits: 1 },
      derivePbkdf2,
    ],
    ['iterated SHA-256', { format: 'v2', algorithm: 'SHA-256', cost: 3, digits: 2 }, deriveSha],
  ])('are solved by altcha-lib with %s', async (_name, effort, deriveKey) => {
    const work = proofs(effort)
    const challenge = work.issue(scope, nowMs)
    // The library's type is the widget's: what is issued must fit it.
    const typed: Challenge | undefined = isV2(challenge) ? challenge : undefined
    if (typed === undefined) throw new Error('not of the second format')
    const solution = await solveChallenge({ challenge: typed, deriveKey })
    const verdict = await work.verify(encode({ challenge: typed, solution }), scope, nowMs, onceEach())
    expect(verdict).toEqual({ ok: true })
  })

  it('are solved by altcha-lib’s first version', async () => {
    const work = proofs({ format: 'v1', maxNumber: 5_000 })
    const challenge = work.issue(scope, nowMs)
    if (isV2(challenge)) throw new Error('not of the first format')
    const { algorithm, salt, maxnumber, signature } = challenge
    const solution = await solveV1(challenge.challenge, salt, algorithm, maxnumber).promise
    const payload = { algorithm, challenge: challenge.challenge, number: solution?.number, salt, signature }
    await expect(work.verify(encode(payload), scope, nowMs, onceEach())).resolves.toEqual({ ok: true })
  })

  it.each<[string, ProofEffort, 'sha' | 'pbkdf2']>([
    ['PBKDF2', { format: 'v2', algorithm: 'PBKDF2/SHA-256', cost: 100, digits: 2 }, 'pbkdf2'],
    ['iterated SHA-256', { format: 'v2', algorithm: 'SHA-256', cost: 3, digits: 1 }, 'sha'],
  ])('are solved by the worker of the published widget with %s', async (_name, effort, worker) => {
    const work = proofs(effort)
    const challenge = work.issue(scope, nowMs)
    const solution = await startWidgetWorker(worker)({ challenge, counterMode: 'uint32' })
    const verdict = await work.verify(encode({ challenge, solution }), scope, nowMs, onceEach())
    expect(verdict).toEqual({ ok: true })
  })
})
