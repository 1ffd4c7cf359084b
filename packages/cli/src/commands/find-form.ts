import type { Context } from '@rempart/server'
import { ProblemError } from '@rempart/server/errors'
import { type FormDetail, type FormKey, readForm } from '@rempart/server/forms'
import { isId } from '../arguments.ts'
import { Failure } from '../failure.ts'
import { words } from '../words.ts'

/** The form of a slug or an id, archived or not. @throws Failure when the tenant has none. */
export async function requireForm(context: Context, named: string): Promise<FormDetail> {
  const form = await findForm(context, isId(named) ? { id: named.toLowerCase() } : { slug: named })
  if (form === undefined) throw new Failure(words.formUnknown(named))
  return form
}

/** The form, or undefined when the tenant has none. */
export async function findForm(context: Context, key: FormKey): Promise<FormDetail | undefined> {
  try {
    return await readForm(context, key)
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'form-not-found') return undefined
    throw error
  }
}
