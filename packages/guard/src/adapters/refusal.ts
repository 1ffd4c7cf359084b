import type { Decision } from '../decision.ts'
import type { Locale } from './accept-language.ts'

/** An answer to a request that is not admitted, ready to send. */
export interface Refusal {
  /** 429; 403 for an access list or a signal; 503 when the store does not answer a closed rule; 401 asks for a challenge. */
  readonly status: 401 | 403 | 429 | 503
  /** RFC 9457 problem details, serialised. */
  readonly body: string
  /** What describes the body, names in lower case; the rate-limit fields are apart. */
  readonly headers: Readonly<Record<string, string>>
  /** The same as lines of a response's head. */
  readonly text: string
}

/** The members of a refusal's body. */
interface RefusalBody {
  readonly type: string
  readonly title: string
  readonly status: Refusal['status']
  readonly detail: string
  readonly code: string
  readonly error: string
  /** Absent where no limit was passed. */
  readonly 'violated-policies'?: readonly string[]
}

interface Kind {
  readonly status: Refusal['status']
  readonly code: string
  readonly type?: string
  readonly title: Readonly<Record<Locale, string>>
  readonly detail: Readonly<Record<Locale, string>>
  readonly headers?: Readonly<Record<string, string>>
}

/** Refusals by rule, reason and language: as many as the policies have, each built once. */
export type Refusals = (decision: Decision, locale: Locale) => Refusal

/** Creates the builder of refusals, which remembers what it has built. */
export function createRefusals(): Refusals {
  const built = new Map<string, Refusal>()
  return (decision, locale) => {
    const key = `${locale} ${decision.reason} ${decision.policyId}/${decision.ruleId}`
    let refusal = built.get(key)
    if (refusal === undefined) {
      refusal = build(decision, locale)
      built.set(key, refusal)
    }
    return refusal
  }
}

function build(decision: Decision, locale: Locale): Refusal {
  const kind = kindOf(decision)
  const body: RefusalBody = {
    type: kind.type ?? `urn:rempart:problem:${kind.code}`,
    title: kind.title[locale],
    status: kind.status,
    detail: kind.detail[locale],
    code: kind.code,
    error: kind.title[locale],
    ...(decision.reason !== 'store-failure' && {
      'violated-policies': [`${decision.policyId}/${decision.ruleId ?? ''}`],
    }),
  }
  const headers = {
    'content-type': 'application/problem+json; charset=utf-8',
    'content-language': locale,
    'cache-control': 'no-store',
    vary: 'accept-language',
    ...kind.headers,
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Object.freeze({ status: kind.status, body: JSON.stringify(body), headers, text: lines.join('') })
}

function kindOf({ outcome, reason }: Decision): Kind {
  if (outcome === 'challenge') return kinds.challenge
  switch (reason) {
    case 'access-list':
    case 'signal':
      return kinds.denied
    case 'store-failure':
      return kinds.unavailable
    case 'lockout':
    case 'delay':
    case 'lock':
      return kinds.abnormal
    default:
      return kinds.limited
  }
}

const problemTypes = 'https://iana.org/assignments/http-problem-types'
const tooMany = {
  status: 429,
  code: 'rate-limited',
  title: { en: 'Too many requests', fr: 'Trop de requêtes' },
  detail: { en: 'Slow down and try again later.', fr: 'Ralentissez et réessayez plus tard.' },
} as const

const kinds = {
  limited: { ...tooMany, type: `${problemTypes}#quota-exceeded` },
  abnormal: { ...tooMany, type: `${problemTypes}#abnormal-usage-detected` },
  denied: {
    status: 403,
    code: 'access-denied',
    title: { en: 'Access denied', fr: 'Accès refusé' },
    detail: { en: 'This client is not admitted here.', fr: 'Ce client n’est pas admis ici.' },
  },
  challenge: {
    status: 401,
    code: 'challenge-required',
    title: { en: 'Challenge required', fr: 'Vérification demandée' },
    detail: {
      en: 'Send the request again with a solved challenge.',
      fr: 'Renvoyez la requête avec une vérification résolue.',
    },
    // A 401 has to name a scheme (RFC 9110 §11.6.1); no browser acts on this one by itself.
    headers: { 'www-authenticate': 'Rempart-Proof' },
  },
  unavailable: {
    status: 503,
    code: 'service-unavailable',
    title: { en: 'Service unavailable', fr: 'Service indisponible' },
    detail: { en: 'Try again in a moment.', fr: 'Réessayez dans un instant.' },
    // A store that has failed is asked again every half second or sooner.
    headers: { 'retry-after': '1' },
  },
} as const satisfies Record<string, Kind>
