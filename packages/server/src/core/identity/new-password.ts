import type { Context } from '../context.ts'
import type { BreachCheck } from '../credentials/hibp.ts'
import { defaultPasswordPolicy, type PasswordFault, passwordFaults } from '../credentials/password-rule.ts'
import { type ContentFault, ProblemError } from '../problem.ts'
import { readTenantSettings } from '../tenant/settings.ts'

type Fault = PasswordFault | 'breached'

const sentences: Readonly<Record<Fault, { readonly en: string; readonly fr: string }>> = {
  malformed: { en: 'has characters that cannot be typed again', fr: 'contient des caractères impossibles à ressaisir' },
  'too-short': {
    en: 'is too short: use {least} characters or more',
    fr: 'est trop court : {least} caractères ou plus',
  },
  'too-long': { en: 'is too long: use 128 characters at most', fr: 'est trop long : 128 caractères au plus' },
  'too-few-classes': {
    en: 'needs more kinds of characters: lower case, upper case, digits and others, {kinds} of them',
    fr: 'doit mêler davantage de sortes de caractères : minuscules, majuscules, chiffres et autres, {kinds} d’entre elles',
  },
  'contains-context': {
    en: 'is mostly made of your name, your address or the organisation',
    fr: 'est surtout fait de votre nom, de votre adresse ou de l’organisation',
  },
  common: { en: 'is among the most used ones', fr: 'est parmi les plus employés' },
  predictable: { en: 'repeats itself or follows a pattern', fr: 'se répète ou suit un motif' },
  breached: { en: 'has appeared in a leak of another site', fr: 'est apparu dans une fuite d’un autre site' },
}

/** What new passwords are judged by. */
export interface PasswordJudge {
  /** Absent: only the list of this release is asked. */
  readonly breachCheck?: BreachCheck | undefined
}

/**
 * Judges a new password by the rule of its person's tenant, when it is set and never again. Call it outside of any
 * transaction.
 *
 * @param pointer - where the password stands in the body.
 * @throws ProblemError `invalid-content` with every fault.
 */
export async function assertNewPassword(
  { breachCheck }: PasswordJudge,
  { tenant, locale, inTenant }: Pick<Context, 'tenant' | 'locale' | 'inTenant'>,
  password: string,
  person: { readonly email: string; readonly name?: string | null },
  pointer: string,
): Promise<void> {
  const context = {
    tenantName: tenant.name,
    tenantSlug: tenant.slug,
    email: person.email,
    personName: person.name ?? undefined,
  }
  const settings = await inTenant(readTenantSettings)
  const policy = {
    minLength: settings.passwordMinLength ?? defaultPasswordPolicy.minLength,
    requiredClasses: settings.passwordClasses ?? defaultPasswordPolicy.requiredClasses,
  }
  const faults: readonly Fault[] = await passwordFaults(password, context, policy)
  const found = faults.length === 0 ? await leakFaults(breachCheck, password) : faults
  if (found.length === 0) return
  const errors = found.map(
    (fault): ContentFault => ({
      pointer,
      code: `password-${fault}`,
      message: sentences[fault][locale]
        .replace('{least}', String(policy.minLength))
        .replace('{kinds}', String(policy.requiredClasses)),
    }),
  )
  throw new ProblemError('invalid-content', { errors, reason: 'password-rule' })
}

async function leakFaults(breachCheck: BreachCheck | undefined, password: string): Promise<readonly Fault[]> {
  return (await breachCheck?.(password))?.outcome === 'breached' ? ['breached'] : []
}
