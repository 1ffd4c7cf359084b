import type { RequestFault } from './request-head.ts'

/** Why a request that the guard admits gets its answer from the gateway. */
export type GatewayProblem =
  | RequestFault
  | 'request-timeout'
  | 'upstream-unreachable'
  | 'upstream-failed'
  | 'upstream-timeout'
  | 'gateway-busy'
  | 'internal-error'

type Locale = 'en' | 'fr'

interface Kind {
  readonly status: number
  readonly en: readonly [title: string, detail: string]
  readonly fr: readonly [title: string, detail: string]
  readonly fields?: string
}

const kinds: Readonly<Record<GatewayProblem, Kind>> = {
  'malformed-request': {
    status: 400,
    en: ['Malformed request', 'This is no HTTP request that every server reads alike.'],
    fr: ['Requête mal formée', 'Ce n’est pas une requête HTTP que tous les serveurs lisent de la même façon.'],
  },
  'method-not-allowed': {
    status: 405,
    en: ['Method not allowed', 'TRACE is not passed on.'],
    fr: ['Méthode non permise', 'TRACE n’est pas transmis.'],
    // RFC 9110 §15.5.6 asks for the field; which methods there are, only the upstream knows.
    fields: 'allow: \r\n',
  },
  'request-timeout': {
    status: 408,
    en: ['Request timeout', 'The request came too slowly.'],
    fr: ['Requête trop lente', 'La requête est arrivée trop lentement.'],
  },
  'uri-too-long': {
    status: 414,
    en: ['URI too long', 'The address is longer than 8192 characters.'],
    fr: ['Adresse trop longue', 'L’adresse dépasse 8192 caractères.'],
  },
  'expectation-failed': {
    status: 417,
    en: ['Expectation failed', 'Only 100-continue can be expected.'],
    fr: ['Attente refusée', 'Seul 100-continue peut être attendu.'],
  },
  'headers-too-large': {
    status: 431,
    en: ['Headers too large', 'The header fields are too many, or too long.'],
    fr: ['En-têtes trop grands', 'Les en-têtes sont trop nombreux ou trop longs.'],
  },
  'coding-not-supported': {
    status: 501,
    en: ['Transfer coding not supported', 'Only chunked is supported.'],
    fr: ['Codage de transfert non pris en charge', 'Seul chunked est pris en charge.'],
  },
  'upgrade-not-supported': {
    status: 501,
    en: ['Upgrade not supported', 'This gateway does not pass WebSocket connections on.'],
    fr: ['Changement de protocole non pris en charge', 'Cette passerelle ne transmet pas les connexions WebSocket.'],
  },
  'loop-detected': {
    status: 508,
    en: ['Loop detected', 'The request has been here before.'],
    fr: ['Boucle détectée', 'La requête est déjà passée par ici.'],
  },
  'upstream-unreachable': {
    status: 502,
    en: ['Bad gateway', 'The server behind takes no connection.'],
    fr: ['Passerelle en défaut', 'Le serveur en amont n’accepte pas de connexion.'],
  },
  'upstream-failed': {
    status: 502,
    en: ['Bad gateway', 'The server behind gave no answer that can be passed on.'],
    fr: ['Passerelle en défaut', 'Le serveur en amont n’a pas donné de réponse transmissible.'],
  },
  'upstream-timeout': {
    status: 504,
    en: ['Gateway timeout', 'The server behind did not answer in time.'],
    fr: ['Délai dépassé', 'Le serveur en amont n’a pas répondu à temps.'],
  },
  'gateway-busy': {
    status: 503,
    en: ['Service unavailable', 'Try again in a moment.'],
    fr: ['Service indisponible', 'Réessayez dans un instant.'],
    fields: 'retry-after: 1\r\n',
  },
  'internal-error': {
    status: 500,
    en: ['Internal error', 'The gateway has failed.'],
    fr: ['Erreur interne', 'La passerelle a échoué.'],
  },
}

/** An answer of the gateway's own, ready to send. */
export interface OwnAnswer {
  readonly status: number
  /** RFC 9457 problem details. */
  readonly body: string
  /** The fields that describe it, as lines; the length is apart. */
  readonly lines: string
}

/** For every answer that the gateway writes itself: nothing in it is to be run, framed or guessed at. */
export const ownFields =
  "x-content-type-options: nosniff\r\ncontent-security-policy: default-src 'none'; frame-ancestors 'none'\r\nreferrer-policy: no-referrer\r\n"

/** Builds the answers, each once. */
export function createProblems(
  fallback: Locale,
): (code: GatewayProblem, acceptLanguage: string | undefined) => OwnAnswer {
  const built = new Map<string, OwnAnswer>()
  return (code, acceptLanguage) => {
    const locale = localeOf(acceptLanguage) ?? fallback
    const known = built.get(locale + code)
    if (known !== undefined) return known
    const made = build(code, locale)
    built.set(locale + code, made)
    return made
  }
}

function build(code: GatewayProblem, locale: Locale): OwnAnswer {
  const { status, fields = '', [locale]: words } = kinds[code]
  const [title, detail] = words
  const body = JSON.stringify({ type: `urn:rempart:problem:${code}`, title, status, detail, code, error: title })
  const lines = `content-type: application/problem+json; charset=utf-8\r\ncontent-language: ${locale}\r\ncache-control: no-store\r\nvary: accept-language\r\n${fields}${ownFields}`
  return { status, body, lines }
}

/** The first of the two languages that the client names. */
function localeOf(acceptLanguage: string | undefined): Locale | undefined {
  const [found] = /(?:^|[ ,])(?:en|fr)\b/i.exec(acceptLanguage?.slice(0, 256) ?? '') ?? []
  return found === undefined ? undefined : found.toLowerCase().endsWith('fr') ? 'fr' : 'en'
}
