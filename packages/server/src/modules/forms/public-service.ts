import { judgeArrival } from '../../core/challenge/form-defence.ts'
import type { RenderTokens } from '../../core/challenge/render-token.ts'
import type { Context } from '../../core/context.ts'
import { evaluatePublished, type PublishedForms, splitTrap } from './public.ts'
import type { EvaluationInput, EvaluationResult } from './public-schema.ts'
import type { PublishedForm } from './published-form.ts'

export interface PublicFormDependencies {
  readonly forms: PublishedForms
  readonly tokens: RenderTokens
}

/** The form to show, with a fresh token: a `RenderedForm`, as JSON. */
export function renderForm(
  context: Context,
  tokens: RenderTokens,
  form: PublishedForm,
  locale: 'en' | 'fr' | 'all' | undefined,
): string {
  const nowMs = context.clock.now()
  const { maximumAgeSeconds } = form.protection
  const shown = form.shown(locale === 'all' ? undefined : (locale ?? context.locale))
  const renderToken = tokens.issue({ tenantId: context.tenant.id, formId: form.id }, nowMs)
  const own = { renderToken, renderedAt: instant(nowMs), expiresAt: instant(nowMs + maximumAgeSeconds * 1_000) }
  return `${shown},${JSON.stringify(own).slice(1)}`
}

const instant = (ms: number): string => new Date(ms).toISOString()

/**
 * Checks answers without storing or spending anything: traps and time, then validity, score and outcome.
 *
 * @throws ProblemError as `judgeArrival` does.
 */
export function evaluateForm(
  context: Context,
  tokens: RenderTokens,
  form: PublishedForm,
  input: EvaluationInput,
): { readonly result: EvaluationResult; readonly dropped: boolean } {
  const { answers, hidden } = splitTrap(form, input.data)
  const { dropped } = judgeArrival(input, hidden, form.protection, {
    tokens,
    subject: { tenantId: context.tenant.id, formId: form.id },
    nowMs: context.clock.now(),
  })
  const { valid, errors, score, outcome } = evaluatePublished(context, form, answers, input.email)
  const shown = form.exposeScore
  return {
    dropped,
    result: { valid, errors, ...(shown && { score }), ...(shown && outcome !== undefined && { outcome }) },
  }
}
