import type { FastifyRequest } from 'fastify'
import type { Context } from '../../../core/context.ts'
import { type Locale, negotiateLocale } from '../../../core/locale.ts'
import type { PublishedForm } from '../public.ts'

/** What the address of a hosted page says besides the form. */
export interface Visit {
  /** As it was given; identification has judged it. */
  readonly tenant: string | undefined
  readonly lang: Locale | undefined
}

/** Reads `?tenant=` and `?lang=`. What is no language is no wish for one. */
export function visitOf({ query }: Pick<FastifyRequest, 'query'>): Visit {
  const lang = parameter(query, 'lang')
  return { tenant: parameter(query, 'tenant'), lang: lang === 'en' || lang === 'fr' ? lang : undefined }
}

function parameter(query: unknown, name: string): string | undefined {
  if (typeof query !== 'object' || query === null || !Object.hasOwn(query, name)) return undefined
  const value: unknown = Reflect.get(query, name)
  return typeof value === 'string' ? value : undefined
}

/** The address of a hosted page, on this server, for the same tenant and in the same language. */
export function pageUrl(path: string, visit: Visit, more: Readonly<Record<string, string | undefined>> = {}): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries({ ...visit, ...more })) {
    if (value !== undefined) parameters.set(name, value)
  }
  const query = parameters.toString()
  return query === '' ? path : `${path}?${query}`
}

/**
 * The context of a page: in the language of `?lang=`, else the browser's, else the tenant's. A form that does not speak
 * it is shown in the one it does, so that the page is in one language.
 */
export function inPageLanguage(context: Context, request: FastifyRequest, form?: PublishedForm): Context {
  const wanted = visitOf(request).lang ?? negotiateLocale(request.headers['accept-language'], context.tenant.locale)
  const speaks = form === undefined ? [wanted] : languagesOf(form)
  return { ...context, locale: speaks.includes(wanted) ? wanted : (speaks[0] ?? wanted) }
}

/** The languages a form is written in, by its title. */
export function languagesOf({ definition }: PublishedForm): readonly Locale[] {
  const { title } = definition
  return (['en', 'fr'] as const).filter((locale) => title[locale] !== undefined)
}

/** Whether the browser asked for the page to show it in a frame. */
export const isFramed = ({ headers }: Pick<FastifyRequest, 'headers'>): boolean =>
  headers['sec-fetch-dest'] === 'iframe'
