import type { Context } from '../../core/context.ts'
import type { CacheReading } from '../../core/metrics/readings.ts'
import { ProblemError } from '../../core/problem.ts'
import type { TenantMemory } from '../../core/tenant/feed.ts'
import { createLookupMemory } from '../../core/tenant/lookup-memory.ts'
import { type Evaluation, evaluateAnswers } from './definition/evaluate.ts'
import type { FormDefinition } from './definition/schema.ts'
import { findPublishedForm } from './public-queries.ts'
import { createPublishedForm, type PublishedForm } from './published-form.ts'

export type { PublishedForm } from './published-form.ts'

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

/** Remembers published forms, with what was made of them: for ten minutes, and for two seconds where no change would be heard of. */
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

  const namesOf = (tenantId: string, { slug, id }: PublishedForm): readonly string[] =>
    [{ slug }, { id }].map((key) => nameOf(tenantId, key))

  async function load(context: Pick<Context, 'tenant' | 'readInTenant'>, key: FormKey): Promise<PublishedForm | null> {
    const tenantId = context.tenant.id
    const [changesBefore, clearingsBefore] = [changes.get(tenantId), clearings]
    const row = await context.readInTenant((handle) => findPublishedForm(handle, key))
    const form =
      row === undefined
        ? null
        : // The definition was checked against this schema before it was stored.
          createPublishedForm({ ...row, definition: row.definition as unknown as FormDefinition }, (grown) => {
            memory.reweigh(grown, namesOf(tenantId, grown))
          })
    if (changes.get(tenantId) === changesBefore && clearings === clearingsBefore) {
      memory.learn(nameOf(tenantId, key), form, form === null ? [] : namesOf(tenantId, form))
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
