import { judgeArrival } from '../../core/challenge/form-defence.ts'
import type { RenderTokens } from '../../core/challenge/render-token.ts'
import type { Context } from '../../core/context.ts'
import { describePublic } from './definition/describe-public.ts'
import { evaluatePublished, type PublishedForm, type PublishedForms, splitTrap } from './public.ts'
import type { EvaluationInput, EvaluationResult, RenderedForm } from './public-schema.ts'

export interface PublicFormDependencies {
  readonly forms: PublishedForms
  readonly tokens: RenderTokens
}

/** The form to show, with a fresh token. */
export function renderForm(
  context: Context,
  tokens: RenderTokens,
  form: PublishedForm,
  locale: 'en' | 'fr' | 'all' | undefined,
): RenderedForm {
  const nowMs = context.clock.now()
  const { protection } = form.compiled
  return {
    id: form.id,
    slug: form.slug,
    version: form.version,
    ...describePublic(form.compiled, locale === 'all' ? undefined : (locale ?? context.locale)),
    submitUrl: `/api/v1/leads/forms/${form.id}/submit`,
    renderToken: tokens.issue({ tenantId: context.tenant.id, formId: form.id }, nowMs),
    renderedAt: new Date(nowMs).toISOString(),
    expiresAt: new Date(nowMs + protection.maximumAgeSeconds * 1_000).toISOString(),
    minimumFillSeconds: protection.minimumFillSeconds,
    honeypot: { field: form.trapName },
  }
}

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
  const { dropped } = judgeArrival(input, hidden, form.compiled.protection, {
    tokens,
    subject: { tenantId: context.tenant.id, formId: form.id },
    nowMs: context.clock.now(),
  })
  const { valid, errors, score, outcome } = evaluatePublished(context, form, answers, input.email)
  const shown = form.compiled.exposeScore
  return {
    dropped,
    result: { valid, errors, ...(shown && { score }), ...(shown && outcome !== undefined && { outcome }) },
  }
}
