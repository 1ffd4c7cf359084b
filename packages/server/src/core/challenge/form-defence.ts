import { Type } from 'typebox'
import { ProblemError } from '../problem.ts'
import type { RenderToken, RenderTokenSubject, RenderTokens } from './render-token.ts'

/** Answers by field name. What may stand there is said by the form. */
export const Answers = Type.Record(Type.String({ maxLength: 200 }), Type.Unknown(), {
  maxProperties: 200,
  description:
    'The answers by field name. Values are strings, numbers, booleans or lists of strings, as the form says.',
})

/** What surrounds the answers, for the form's defence. */
export const defenceProperties = {
  renderToken: Type.Optional(Type.String({ maxLength: 200, description: 'From the rendered form.' })),
  formRenderedAt: Type.Optional(Type.String({ maxLength: 64, description: 'RFC 3339; for older clients.' })),
  honeypot: Type.Optional(Type.String({ maxLength: 10_000, description: 'Leave empty.' })),
  website: Type.Optional(Type.String({ maxLength: 10_000, description: 'Leave empty.' })),
}

/** What a submission carries besides its answers. */
export interface DefenceInput {
  readonly renderToken?: string
  readonly honeypot?: string
  readonly website?: string
  /** RFC 3339, by the client's clock. */
  readonly formRenderedAt?: string
}

/** How a form wants to be defended. */
export interface Protection {
  readonly honeypot: 'silent' | 'reject'
  readonly renderToken: 'required' | 'optional'
  readonly minimumFillSeconds: number
  readonly maximumAgeSeconds: number
}

/** What the traps say of a submission that may go on. */
export interface Arrival {
  /** A trap was filled: answer as if it were stored, and drop it. */
  readonly dropped: boolean
  /** The token to spend; absent when none came, or the one of a dropped submission does not hold. */
  readonly token: RenderToken | undefined
}

/** A clock may run this far ahead of ours before its word is refused. */
const skewMs = 5_000

/**
 * Judges what tells a person from a script before the answers are read: the trap fields first, then the time the form
 * took to fill. The signed token decides; `formRenderedAt` is the client's own word and can only count against it.
 *
 * @param hiddenAnswer - what came in the form's own hidden field.
 * @throws ProblemError `invalid-submission`, `submitted-too-quickly`, `form-expired` or `render-token-invalid`.
 */
export function judgeArrival(
  input: DefenceInput,
  hiddenAnswer: unknown,
  protection: Protection,
  check: { readonly tokens: RenderTokens; readonly subject: RenderTokenSubject; readonly nowMs: number },
): Arrival {
  const token = input.renderToken === undefined ? undefined : check.tokens.verify(input.renderToken, check.subject)
  if (isFilled(input.honeypot) || isFilled(input.website) || isFilled(hiddenAnswer)) {
    if (protection.honeypot === 'reject') throw new ProblemError('invalid-submission', { reason: 'honeypot' })
    return { dropped: true, token }
  }
  if (input.formRenderedAt !== undefined)
    judgeAge(renderedAt(input.formRenderedAt), protection, check.nowMs, 'rendered-at')
  if (input.renderToken === undefined && protection.renderToken === 'required') {
    throw new ProblemError('render-token-invalid', { reason: 'token-missing' })
  }
  if (input.renderToken !== undefined && token === undefined) {
    throw new ProblemError('render-token-invalid', { reason: 'token-malformed' })
  }
  if (token !== undefined) judgeAge(token.issuedAtMs, protection, check.nowMs, 'token')
  return { dropped: false, token }
}

/** Whether a trap field holds something. */
export function isFilled(value: unknown): boolean {
  if (typeof value === 'string') return value.trim() !== ''
  return value !== undefined && value !== null && value !== false
}

function renderedAt(text: string): number {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw new ProblemError('render-token-invalid', { reason: 'rendered-at-malformed' })
  return ms
}

function judgeAge(renderedAtMs: number, protection: Protection, nowMs: number, source: string): void {
  const ageMs = nowMs - renderedAtMs
  if (ageMs < -skewMs) throw new ProblemError('render-token-invalid', { reason: `${source}-from-the-future` })
  if (ageMs < protection.minimumFillSeconds * 1_000) {
    throw new ProblemError('submitted-too-quickly', { reason: `${source}-too-quick` })
  }
  if (ageMs > protection.maximumAgeSeconds * 1_000)
    throw new ProblemError('form-expired', { reason: `${source}-too-old` })
}
