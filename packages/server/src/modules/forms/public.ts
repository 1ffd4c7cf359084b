import { createHash } from 'node:crypto'
import type { Context } from '../../core/context.ts'
import { createLookupMemory } from '../../core/lookup-memory.ts'
import { ProblemError } from '../../core/problem.ts'
import { type CompiledForm, compileForm } from './definition/compile.ts'
import { type Evaluation, evaluateAnswers } from './definition/evaluate.ts'
import type { FormDefinition } from './definition/schema.ts'
import { findPublishedForm } from './public-queries.ts'

/** A published form, ready to be shown and answered. */
export interface PublishedForm {
  readonly id: string
  readonly slug: string
  readonly version: number
  readonly compiled: CompiledForm
  /** The hidden field's innocuous name; no field of the form has it. */
  readonly trapName: string
}

export type FormKey = { readonly slug: string } | { readonly id: string }

export interface PublishedForms {
  /** The form as it was last found, for what may be out of date: it may be archived since. The database is not asked. */
  recall(tenantId: string, key: FormKey): PublishedForm | undefined
  /** The published form of the context's tenant; `null` when there is none. */
  find(context: Pick<Context, 'tenant' | 'inTenant'>, key: FormKey): Promise<PublishedForm | null>
  /** Forgets a tenant's forms, after one was changed in this process. */
  forget(tenantId: string): void
}

/** How long a form that another process published may stay unseen. */
const staleMs = 2_000

/** Remembers published forms, compiled, for two seconds. */
export function createPublishedForms(): PublishedForms {
  const memory = createLookupMemory<PublishedForm>({ max: 2_000, freshMs: staleMs })
  const pending = new Map<string, Promise<PublishedForm | null>>()
  /** Counts the changes of each tenant, so that an answer read before a change is not remembered after it. */
  const changes = new Map<string, number>()

  const nameOf = (tenantId: string, key: FormKey): string =>
    'slug' in key ? `t:${tenantId}:slug:${key.slug}` : `t:${tenantId}:id:${key.id}`

  async function load(context: Pick<Context, 'tenant' | 'inTenant'>, key: FormKey): Promise<PublishedForm | null> {
    const tenantId = context.tenant.id
    const changesBefore = changes.get(tenantId)
    const row = await context.inTenant((tx) => findPublishedForm(tx, key))
    // The definition was checked against this schema before it was stored.
    const form =
      row === undefined ? null : publishedForm({ ...row, definition: row.definition as unknown as FormDefinition })
    if (changes.get(tenantId) === changesBefore) memory.learn(nameOf(tenantId, key), form)
    return form
  }

  return {
    recall: (tenantId, key) => memory.recall(nameOf(tenantId, key)),
    find(context, key) {
      const name = nameOf(context.tenant.id, key)
      const known = memory.peek(name)
      if (known !== undefined) return Promise.resolve(known)
      const asked = pending.get(name)
      if (asked !== undefined) return asked
      const answer = load(context, key).finally(() => pending.delete(name))
      pending.set(name, answer)
      return answer
    },
    forget(tenantId) {
      changes.set(tenantId, (changes.get(tenantId) ?? 0) + 1)
      memory.forget((name) => name.startsWith(`t:${tenantId}:`))
      for (const name of pending.keys()) if (name.startsWith(`t:${tenantId}:`)) pending.delete(name)
    },
  }
}

function publishedForm(row: {
  readonly id: string
  readonly slug: string
  readonly version: number
  readonly definition: FormDefinition
}): PublishedForm {
  const compiled = compileForm(row.definition)
  return Object.freeze({
    id: row.id,
    slug: row.slug,
    version: row.version,
    compiled,
    trapName: trapNameOf(row.id, compiled.positions),
  })
}

/** Names that read like any field of a form, that no browser fills in by itself, and that no form here uses. */
const trapNames = [
  'reference',
  'extension',
  'department',
  'referredBy',
  'accountNumber',
  'invoiceCode',
  'contactTopic',
  'branchOffice',
] as const

// The same form keeps its name, so a page may be cached; two forms rarely share one.
function trapNameOf(formId: string, taken: ReadonlyMap<string, unknown>): string {
  const start = createHash('sha256').update(`trap:${formId}`).digest().readUInt8(0)
  for (let step = 0; step < trapNames.length; step += 1) {
    const name = trapNames[(start + step) % trapNames.length]
    if (name !== undefined && !taken.has(name)) return name
  }
  // A form cannot have a field of this name: field names begin with a lower-case letter.
  return 'Reference2'
}

/** The answers without the form's hidden field, and what stood in it. */
export function splitTrap(
  form: PublishedForm,
  data: Readonly<Record<string, unknown>>,
): { readonly answers: Readonly<Record<string, unknown>>; readonly hidden: unknown } {
  if (!Object.hasOwn(data, form.trapName)) return { answers: data, hidden: undefined }
  const { [form.trapName]: hidden, ...answers } = data
  return { answers, hidden }
}

/** Gives the submission's own e-mail to a form that asks for one in a field `email` of its own, unless it was answered. */
function withEmail(
  form: PublishedForm,
  answers: Readonly<Record<string, unknown>>,
  email: string | undefined,
): Readonly<Record<string, unknown>> {
  const isAsked = email !== undefined && form.compiled.positions.has('email') && !Object.hasOwn(answers, 'email')
  return isAsked ? { ...answers, email } : answers
}

/** @throws ProblemError `form-not-found`, also for a draft, an archived form and one of another tenant. */
export async function requirePublishedForm(
  context: Context,
  forms: PublishedForms,
  key: FormKey,
): Promise<PublishedForm> {
  const form = await forms.find(context, key)
  if (form === null) throw new ProblemError('form-not-found')
  return form
}

/** Validates, scores and judges answers, in the tenant's time zone and the caller's language. */
export function evaluatePublished(
  context: Context,
  form: PublishedForm,
  answers: Readonly<Record<string, unknown>>,
  email: string | undefined,
): Evaluation {
  return evaluateAnswers(form.compiled, withEmail(form, answers, email), {
    nowMs: context.clock.now(),
    timeZone: context.tenant.timeZone,
    locale: context.locale,
  })
}
