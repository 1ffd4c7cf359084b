import { createHash } from 'node:crypto'
import type { Context } from '../../core/context.ts'
import type { CacheReading } from '../../core/metrics/readings.ts'
import { ProblemError } from '../../core/problem.ts'
import type { TenantMemory } from '../../core/tenant/feed.ts'
import { createLookupMemory } from '../../core/tenant/lookup-memory.ts'
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
  /** What it takes in memory, about. */
  readonly bytes: number
}

export type FormKey = { readonly slug: string } | { readonly id: string }

export interface PublishedForms extends TenantMemory {
  /** The form as it was last found, for what may be out of date: it may be archived since. The database is not asked. */
  recall(tenantId: string, key: FormKey): PublishedForm | undefined
  /** The published form of the context's tenant; `null` when there is none. */
  find(context: Pick<Context, 'tenant' | 'readInTenant'>, key: FormKey): Promise<PublishedForm | null>
  reading(): CacheReading
}

export interface PublishedFormsOptions {
  /** Whether changes of other processes are heard of. */
  readonly hears: () => boolean
  /** What the forms in memory may take, about. */
  readonly maxBytes: number
}

/** How long a form is believed, and how long while changes of it are heard of. */
const staleMs = { unheard: 2_000, heard: 600_000 }

/** Remembers published forms, compiled: for ten minutes, and for two seconds where no change would be heard of. */
export function createPublishedForms({ hears, maxBytes }: PublishedFormsOptions): PublishedForms {
  const memory = createLookupMemory<PublishedForm>({
    ...{ max: 100_000, maxMissing: 10_000, freshMs: staleMs.unheard },
    heard: { freshMs: staleMs.heard, hears },
    // Each has two names.
    size: { maxBytes, bytesOf: (form) => Math.ceil(form.bytes / 2) },
  })
  const pending = new Map<string, Promise<PublishedForm | null>>()
  /** Counts the changes of each tenant, so that an answer read before a change is not remembered after it. */
  const changes = new Map<string, number>()
  let clearings = 0

  const nameOf = (tenantId: string, key: FormKey): string =>
    'slug' in key ? `t:${tenantId}:slug:${key.slug}` : `t:${tenantId}:id:${key.id}`

  async function load(context: Pick<Context, 'tenant' | 'readInTenant'>, key: FormKey): Promise<PublishedForm | null> {
    const tenantId = context.tenant.id
    const [changesBefore, clearingsBefore] = [changes.get(tenantId), clearings]
    const row = await context.readInTenant((handle) => findPublishedForm(handle, key))
    // The definition was checked against this schema before it was stored.
    const form =
      row === undefined ? null : publishedForm({ ...row, definition: row.definition as unknown as FormDefinition })
    if (changes.get(tenantId) === changesBefore && clearings === clearingsBefore) {
      const also = form === null ? [] : [{ slug: form.slug }, { id: form.id }]
      memory.learn(
        nameOf(tenantId, key),
        form,
        also.map((each) => nameOf(tenantId, each)),
      )
    }
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
    clear() {
      clearings += 1
      memory.clear()
      pending.clear()
    },
    reading: memory.reading,
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
    // Measured: four times its text, and something for the rest.
    bytes: 2_048 + 4 * JSON.stringify(row.definition).length,
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
