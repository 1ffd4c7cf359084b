import { hash } from 'node:crypto'
import { type Arrival, judgeArrival } from '../../core/challenge/form-defence.ts'
import type { RenderTokens } from '../../core/challenge/render-token.ts'
import type { Context } from '../../core/context.ts'
import { createId } from '../../core/ids.ts'
import { ProblemError } from '../../core/problem.ts'
import { canonicalEmail } from '../../core/shapes/email.ts'
import { monthPeriod } from '../../core/shapes/time-zone.ts'
import { evaluatePublished, type PublishedForm, splitTrap } from '../forms/public.ts'
import type { LeadIntake } from './intake.ts'
import { findIdempotencyRecord, type SubmissionVerdict } from './intake-queries.ts'
import type { SubmissionInput, SubmissionReceipt } from './submit-schema.ts'

export interface SubmitDependencies {
  readonly tokens: RenderTokens
  readonly intake: LeadIntake
}

/** What to answer, and what to note. */
export interface Submission {
  readonly receipt: SubmissionReceipt
  /** `dropped` is for the log alone: the sender gets the answer of a stored one. */
  readonly fate: 'stored' | 'dropped' | 'replayed'
}

/** A key as the sender gave it, made fit to be stored: a key may well hold personal data. */
interface IdempotencyKey {
  readonly keyHash: string
  readonly requestHash: string
}

/**
 * Takes one submission of a published form: idempotency first, then traps, time, answers and quota; what passes is
 * stored once, together with its spent token and key, before this resolves.
 *
 * @throws ProblemError `invalid-submission`, `submitted-too-quickly`, `form-expired`,
 *   `render-token-invalid`; `invalid-content` with the faults of the answers; `idempotency-key-invalid`,
 *   `idempotency-key-reused`; `form-unavailable` when the month's quota is used up. None of them spends the token or the key.
 */
export async function submitForm(
  context: Context,
  dependencies: SubmitDependencies,
  form: PublishedForm,
  input: SubmissionInput,
  idempotencyKey: string | undefined,
): Promise<Submission> {
  const key = idempotencyKey === undefined ? undefined : readKey(idempotencyKey, input)
  try {
    const judged = judge(context, dependencies, form, input)
    return conclude(form, await store(context, dependencies, form, input, judged, key))
  } catch (error) {
    // A repeated request may fail today what it passed before (its token is spent, its form has aged), and is still
    // owed the answer it was given.
    if (key === undefined || !(error instanceof ProblemError)) throw error
    const known = await findReplay(context, form, key)
    if (known === undefined) throw error
    return conclude(form, known)
  }
}

interface Judged {
  readonly arrival: Arrival
  readonly evaluation: ReturnType<typeof evaluatePublished>
}

function judge(
  context: Context,
  dependencies: SubmitDependencies,
  form: PublishedForm,
  input: SubmissionInput,
): Judged {
  const { answers, hidden } = splitTrap(form, input.data)
  const arrival = judgeArrival(input, hidden, form.protection, {
    tokens: dependencies.tokens,
    subject: { tenantId: context.tenant.id, formId: form.id },
    nowMs: context.clock.now(),
  })
  const evaluation = evaluatePublished(context, form, answers, input.email)
  if (!arrival.dropped && !evaluation.valid) {
    throw new ProblemError('invalid-content', { errors: evaluation.errors, reason: 'answers' })
  }
  return { arrival, evaluation }
}

function store(
  context: Context,
  { intake }: SubmitDependencies,
  form: PublishedForm,
  input: SubmissionInput,
  { arrival, evaluation }: Judged,
  key: IdempotencyKey | undefined,
): Promise<SubmissionVerdict> {
  const { token } = arrival
  const { tenant } = context
  return intake.add({
    tenantId: tenant.id,
    period: monthPeriod(context.clock.now(), tenant.timeZone).period,
    row: {
      id: createId(),
      formId: form.id,
      formVersion: form.version,
      // The schema's `email` format is this very function, so the fallback is never reached.
      email: canonicalEmail(input.email) ?? input.email,
      data: arrival.dropped ? '{}' : JSON.stringify(evaluation.values),
      score: evaluation.score,
      // An honest answer names an outcome where the form has one; so does the answer to a trap.
      outcome: evaluation.outcome ?? (arrival.dropped ? form.compiled.outcomes.at(-1)?.id : undefined) ?? null,
      dropped: arrival.dropped,
      key: key?.keyHash ?? null,
      request: key?.requestHash ?? null,
      nonce: token?.nonce ?? null,
    },
  })
}

function conclude(form: PublishedForm, verdict: SubmissionVerdict): Submission {
  switch (verdict.verdict) {
    case 'stored':
    case 'dropped':
    case 'replayed':
      return { receipt: receiptOf(form, verdict), fate: verdict.verdict }
    case 'key-reused':
      throw new ProblemError('idempotency-key-reused', { reason: 'key-reused' })
    case 'token-spent':
      throw new ProblemError('render-token-invalid', { reason: 'token-spent' })
    case 'quota-exceeded':
      // A visitor learns nothing of the tenant's plan: no numbers, and no rate-limit fields to guess them from.
      throw new ProblemError('form-unavailable', { reason: 'quota', withoutRateLimit: true })
  }
}

function receiptOf(form: PublishedForm, verdict: SubmissionVerdict): SubmissionReceipt {
  const shown = form.exposeScore
  return {
    id: verdict.leadId,
    status: 'received',
    ...(shown && verdict.score !== null && { score: verdict.score }),
    ...(shown && verdict.outcome !== null && { outcome: verdict.outcome }),
  }
}

// One structured-field string or token, printable ASCII (draft-ietf-httpapi-idempotency-key-header §2.1), kept as a hash.
function readKey(text: string, input: SubmissionInput): IdempotencyKey {
  if (!/^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(text)) {
    throw new ProblemError('idempotency-key-invalid', { reason: 'key-malformed' })
  }
  return {
    keyHash: hash('sha256', text, 'hex'),
    // What is sent, not how it was defended: a retry may carry a fresh render token.
    requestHash: hash('sha256', JSON.stringify([input.email, input.data]), 'hex'),
  }
}

async function findReplay(
  context: Context,
  form: PublishedForm,
  key: IdempotencyKey,
): Promise<SubmissionVerdict | undefined> {
  const record = await context.inTenant((tx) => findIdempotencyRecord(tx, form.id, Buffer.from(key.keyHash, 'hex')))
  if (record === undefined) return undefined
  return {
    verdict: record.request_hash?.equals(Buffer.from(key.requestHash, 'hex')) ? 'replayed' : 'key-reused',
    leadId: record.lead_id,
    score: record.score,
    outcome: record.outcome,
  }
}
