import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { defaultPasswordPolicy } from '../../core/credentials/password-rule.ts'
import { ProblemError } from '../../core/problem.ts'
import { isTimeZone } from '../../core/shapes/time-zone.ts'
import { announceChange } from '../../core/tenant/feed.ts'
import { type SessionLife, sessionLife, settingBounds, type TenantSettings } from '../../core/tenant/settings.ts'
import type { Tx } from '../../database/tenant.ts'
import { readTenant, updateTenant } from './queries.ts'
import type { OwnSettings, OwnSettingsChange } from './schema.ts'
import * as queries from './setting-queries.ts'

/** What the installation has, and what follows a change. */
export interface SettingDependencies {
  readonly isRegistrationOpen: boolean
  readonly contactRetentionMs: number
  /** Forgets what this process remembers of a tenant. */
  readonly onTenantChanged: (tenantId: string) => void
}

const dayMs = 86_400_000

/** What is in force for the tenant. */
export function readSettings(context: Context, dependencies: SettingDependencies): Promise<OwnSettings> {
  return context.inTenant((tx) => inForce(tx, context.tenant.id, dependencies))
}

/**
 * Changes settings of the tenant. A shorter life of sessions holds at once, for those that are there too.
 *
 * @throws ProblemError `version-conflict`; `invalid-content` for a time zone nobody knows, an origin that is none, or
 * messages kept for longer than the installation keeps them.
 */
export async function changeSettings(
  context: Context,
  dependencies: SettingDependencies,
  change: OwnSettingsChange,
): Promise<OwnSettings> {
  const { tenant, locale, clock } = context
  const { name, locale: language, timeZone, allowedOrigins, version, ...figures } = change
  const most = Math.floor(dependencies.contactRetentionMs / dayMs)
  if ((figures.contactRetentionDays ?? 0) > most) {
    throw invalid(locale, '/contactRetentionDays', {
      en: `must be at most ${most}, as long as the installation keeps them`,
      fr: `doit être au plus ${most}, la durée de l’installation`,
    })
  }
  assertTimeZone(timeZone, locale)
  const origins = allowedOrigins?.map((origin) => originOf(origin, locale))
  const changed = await context.inTenant(async (tx) => {
    const kept = await queries.keepSettings(tx, tenant.id)
    if (version !== undefined && version !== (kept?.version ?? 0)) throw new ProblemError('version-conflict')
    const before = (kept?.settings ?? {}) as TenantSettings
    const after = withFigures(before, figures)
    await updateTenant(tx, tenant.id, {
      ...(name !== undefined && { name: name.trim() }),
      ...(language !== undefined && { locale: language }),
      ...(timeZone !== undefined && { time_zone: timeZone }),
      ...(origins !== undefined && { allowed_origins: origins }),
    })
    await queries.saveSettings(tx, tenant.id, after, new Date(clock.now()))
    if (isShorter(sessionLife(after), sessionLife(before)))
      await queries.shortenSessions(tx, tenant.id, sessionLife(after))
    const answer = await inForce(tx, tenant.id, dependencies)
    await announceChange(tx, tenant.id, 'tenant')
    await appendAudit(tx, context, {
      action: 'tenant.settings-changed',
      resource: { type: 'tenant', id: tenant.id },
      changes: { ...change },
    })
    return answer
  })
  dependencies.onTenantChanged(tenant.id)
  return changed
}

/** @throws ProblemError `invalid-content`. */
export function assertTimeZone(timeZone: string | undefined, locale: 'en' | 'fr'): void {
  if (timeZone === undefined || isTimeZone(timeZone)) return
  throw invalid(locale, '/timeZone', {
    en: 'is no IANA time zone, such as Europe/Paris',
    fr: 'n’est pas un fuseau horaire IANA, tel que Europe/Paris',
  })
}

const isShorter = (one: SessionLife, other: SessionLife): boolean =>
  one.idleMs < other.idleMs || one.maxMs < other.maxMs

type Figures = Omit<OwnSettingsChange, 'name' | 'locale' | 'timeZone' | 'allowedOrigins' | 'version'>

/** Null takes a setting away; `open` is what the installation has. */
function withFigures(before: TenantSettings, { registration, ...figures }: Figures): TenantSettings {
  const { registration: wasClosed, ...others } = before
  const merged: Record<string, unknown> = { ...others, ...figures }
  const isClosed = registration === undefined ? wasClosed === 'closed' : registration === 'closed'
  if (isClosed) merged['registration'] = 'closed'
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null && value !== undefined))
}

async function inForce(tx: Tx, tenantId: string, dependencies: SettingDependencies): Promise<OwnSettings> {
  const row = await readTenant(tx, tenantId)
  if (row === undefined) throw new ProblemError('tenant-not-found')
  const kept = await queries.findSettings(tx, tenantId)
  const own = (kept?.settings ?? {}) as TenantSettings
  const retention = Math.floor(dependencies.contactRetentionMs / dayMs)
  return {
    slug: row.slug,
    name: row.name,
    // The column has a check constraint with exactly these values.
    locale: row.locale as 'en' | 'fr',
    timeZone: row.time_zone,
    allowedOrigins: row.allowed_origins,
    registration: dependencies.isRegistrationOpen && own.registration !== 'closed' ? 'open' : 'closed',
    sessionIdleMinutes: own.sessionIdleMinutes ?? settingBounds.sessionIdleMinutes.maximum,
    sessionMaxHours: own.sessionMaxHours ?? settingBounds.sessionMaxHours.maximum,
    passwordMinLength: own.passwordMinLength ?? defaultPasswordPolicy.minLength,
    passwordClasses: own.passwordClasses ?? defaultPasswordPolicy.requiredClasses,
    contactRetentionDays: Math.min(own.contactRetentionDays ?? retention, retention),
    own: Object.keys(own),
    version: kept?.version ?? 0,
  }
}

function originOf(text: string, locale: 'en' | 'fr'): string {
  const origin = URL.parse(text)?.origin
  if (origin !== undefined && origin !== 'null' && origin === text.toLowerCase()) return origin
  throw invalid(locale, '/allowedOrigins', {
    en: 'must be origins such as https://www.example.org',
    fr: 'doit contenir des origines telles que https://www.example.org',
  })
}

/** A refusal of one member of the body, in the language of the call. */
export const invalid = (
  locale: 'en' | 'fr',
  pointer: string,
  message: Readonly<Record<'en' | 'fr', string>>,
): ProblemError =>
  new ProblemError('invalid-content', { errors: [{ pointer, code: 'invalid', message: message[locale] }] })
