import { createSecretKey } from 'node:crypto'
import { readAltchaPayload } from './altcha-payload.ts'
import { createV1 } from './altcha-v1.ts'
import { createV2, type EffortV2 } from './altcha-v2.ts'
import { lengthened, type ProofChallenge, type ProofFault, type ProofScope, type Seal } from './proof-seal.ts'

/**
 * How much work a challenge asks for. `v2`: a key derived with `cost` iterations must begin with `digits` zeros, found
 * after 16^digits tries on average. `v1`, for widgets before 2.0: one number of up to `maxNumber` is looked for.
 */
export type ProofEffort =
  | ({ readonly format: 'v2' } & EffortV2)
  | {
      readonly format: 'v1'
      /** 1,000 to 100,000,000. */
      readonly maxNumber: number
    }

export interface ProofOfWorkOptions {
  /** At least 32 bytes, used for nothing else; a string counts as UTF-8. */
  readonly secret: Uint8Array | string
  /** The installation the challenges belong to, such as its public URL. */
  readonly audience: string
  /** @default v2, PBKDF2/SHA-256, cost 5,000, 2 digits: under a second in a browser, 1 ms to verify */
  readonly effort?: ProofEffort
  /** How long a challenge can be answered: 1 s to 1 day. @default 600,000 (ten minutes) */
  readonly lifetimeMs?: number
}

export type ProofVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: ProofFault }

/** Remembers a key for a time: true for the first caller only, undefined when the store does not answer. */
export type MarkOnce = (key: string, ttlMs: number) => boolean | undefined | PromiseLike<boolean | undefined>

export interface ProofOfWork {
  /** A fresh challenge. Costs one HMAC and keeps no state. */
  issue(scope: ProofScope, nowUnixMs: number): ProofChallenge
  /**
   * Judges what a client sent back, and uses the challenge up. A challenge has one attempt: a wrong answer spends it
   * too, so that nobody makes the server derive keys for nothing. Never rejects.
   *
   * @param mark - must be shared by all processes; `Guard.mark` is.
   */
  verify(payload: unknown, scope: ProofScope, nowUnixMs: number, mark: MarkOnce): Promise<ProofVerdict>
}

const LEAST_SECRET_BYTES = 32
/** A process whose clock runs late believes a challenge this much longer. */
const CLOCK_SKEW_MS = 60_000

const defaultEffort: ProofEffort = { format: 'v2', algorithm: 'PBKDF2/SHA-256', cost: 5_000, digits: 2 }

/**
 * Issues and verifies proofs of work in the wire formats of the ALTCHA widget (3.x, and 1.x for format `v1`).
 *
 * The signature is an HMAC-SHA256 over scope, audience and every parameter, each behind its length: no part can be
 * moved into another, exchanged or made easier. To the widget it is opaque.
 *
 * @throws RangeError for a secret, an effort or a lifetime out of bounds.
 */
export function createProofOfWork(options: ProofOfWorkOptions): ProofOfWork {
  const secret = Buffer.from(options.secret)
  const lifetimeMs = options.lifetimeMs ?? 600_000
  const effort = options.effort ?? defaultEffort
  if (secret.length < LEAST_SECRET_BYTES) throw new RangeError('secret: at least 32 bytes')
  if (!isBetween(lifetimeMs, 1_000, 86_400_000)) throw new RangeError('lifetimeMs: 1,000 to 86,400,000')
  checkEffort(effort)
  const seal: Seal = { key: createSecretKey(secret), audience: options.audience }
  const kind = effort.format === 'v1' ? createV1(seal, effort.maxNumber) : createV2(seal, effort)

  return {
    issue: (scope, nowUnixMs) => kind.issue(scope, Math.ceil((nowUnixMs + lifetimeMs) / 1_000)),
    async verify(payload, scope, nowUnixMs, mark) {
      const read = readAltchaPayload(payload)
      if (read === undefined) return refused('malformed')
      const claim = kind.open(read, scope)
      if (typeof claim === 'string') return refused(claim)
      const remainingMs = claim.expiresAt * 1_000 - nowUnixMs
      if (remainingMs <= 0) return refused('expired')
      const key = `proof-of-work/${lengthened([options.audience, claim.nonce])}`
      const isFirst = await markOnce(mark, key, Math.ceil(remainingMs) + CLOCK_SKEW_MS)
      if (isFirst === undefined) return refused('store-failure')
      if (!isFirst) return refused('replayed')
      return (await claim.isSolved()) ? { ok: true } : refused('wrong-answer')
    },
  }
}

async function markOnce(mark: MarkOnce, key: string, ttlMs: number): Promise<boolean | undefined> {
  try {
    return await mark(key, ttlMs)
  } catch {
    return undefined
  }
}

function refused(reason: ProofFault): ProofVerdict {
  return { ok: false, reason }
}

function isBetween(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most
}

function checkEffort(effort: ProofEffort): void {
  if (effort.format === 'v1') {
    if (!isBetween(effort.maxNumber, 1_000, 100_000_000)) throw new RangeError('maxNumber: 1,000 to 100,000,000')
    return
  }
  const most = effort.algorithm === 'SHA-256' ? 1_000 : 200_000
  if (!isBetween(effort.cost, 1, most)) throw new RangeError(`cost: 1 to ${most} with ${effort.algorithm}`)
  if (!isBetween(effort.digits, 1, 6)) throw new RangeError('digits: 1 to 6')
}
