import type { EventCounter, SecurityEventDetail } from './schema.ts'

type Locale = 'en' | 'fr'

/** What an explanation is made of. */
export interface EventFacts {
  readonly type: SecurityEventDetail['type']
  readonly ruleId: string
  readonly reason: string | null
  readonly createdAtMs: number
  readonly count: number
  readonly retryAfterMs: number | null
  readonly degraded: boolean
  readonly counters: readonly EventCounter[]
  readonly signals: Readonly<Record<string, number>> | null
  readonly policyVersion: string
}

/**
 * Says why it came to an event, and when it would have been admitted, from the facts that were stored with it. The verdict is
 * counted again: `agrees` is false where the figures do not give what was decided.
 *
 * @param inForce - The versions of the policy today, for the installation and for the tenant; undefined where there is none.
 */
export function explainEvent(
  facts: EventFacts,
  inForce: readonly (string | undefined)[],
  locale: Locale,
): SecurityEventDetail['explanation'] {
  const words = sentences[locale]
  const said = [sayRule(facts, words), words.outcome[facts.type]]
  const admittedAtMs = admissionOf(facts)
  if (admittedAtMs !== undefined) said.push(words.admitted(new Date(admittedAtMs).toISOString()))
  const isPolicyInForce = inForce.includes(facts.policyVersion)
  const isGone = inForce.every((version) => version === undefined)
  if (!isPolicyInForce) said.push(isGone ? words.policyGone : words.policyChanged(facts.policyVersion))
  return {
    sentences: said,
    agrees: countAgain(facts),
    admittedAt: admittedAtMs === undefined ? null : new Date(admittedAtMs).toISOString(),
    isPolicyInForce,
  }
}

/** When every counter that did not fit would have, if nobody else had come. */
function admissionOf({ type, createdAtMs, retryAfterMs, counters }: EventFacts): number | undefined {
  if (type !== 'refused') return undefined
  const waits = counters.filter(({ fits }) => !fits).map(({ waitMs }) => waitMs)
  if (waits.includes(null)) return undefined
  const longest = Math.max(retryAfterMs ?? 0, ...waits.map((waitMs) => waitMs ?? 0))
  return longest > 0 ? createdAtMs + longest : undefined
}

/** Whether the figures give what was decided; null where there are none to count. */
function countAgain({ ruleId, counters, type }: EventFacts): boolean | null {
  const counter = counters.find((each) => each.ruleId === ruleId)
  if (counter === undefined || type === 'alert') return null
  const { before, cost, capacity, cooling, waitMs, fits } = counter
  // A ladder holds no number of units: it has a wait, or wants a challenge.
  const isFull = capacity === 0 ? waitMs !== 0 || type === 'challenged' : before + cost > capacity
  return !fits === (cooling || isFull)
}

function sayRule(facts: EventFacts, words: (typeof sentences)[Locale]): string {
  const { ruleId, reason, degraded, counters, signals } = facts
  const counter = counters.find((each) => each.ruleId === ruleId)
  if (degraded) return words.storeFailure(ruleId)
  if (counter !== undefined) return words.counted(counter)
  if (reason === 'signal' || reason === 'signal-challenge') return words.signal(ruleId, scoresOf(signals))
  return words.listed(ruleId)
}

const scoresOf = (signals: EventFacts['signals']): string =>
  Object.entries(signals ?? {})
    .map(([source, score]) => `${source} ${score}`)
    .join(', ')

const seconds = (ms: number): string => String(Math.ceil(ms / 100) / 10)

const sentences = {
  en: {
    counted({ ruleId, before, cost, capacity, windowMs, cooling, waitMs }: EventCounter): string {
      if (capacity === 0) {
        const wait = waitMs === null || waitMs === 0 ? 'a solved challenge' : `a wait of ${seconds(waitMs)} s`
        return `After ${before} attempts, the ladder of the rule "${ruleId}" asks for ${wait} before the next.`
      }
      if (cooling) return `The rule "${ruleId}" was cooling down after its limit of ${capacity} had been passed.`
      return `The rule "${ruleId}" admits ${capacity} in ${seconds(windowMs)} s; ${before} were in use, and this request asked for ${cost} more.`
    },
    signal: (ruleId: string, scores: string) =>
      `The signals of the rule "${ruleId}" scored too high: ${scores || 'none was told'}.`,
    listed: (ruleId: string) => `The access list "${ruleId}" names the client, its key or its country.`,
    storeFailure: (ruleId: string) =>
      `The counters did not answer in time, and the rule "${ruleId}" then does as its onStoreFailure says.`,
    outcome: {
      refused: 'The request was refused.',
      challenged: 'The request was to come again with a solved challenge.',
      'shadow-refused': 'The request was admitted: the rule is in shadow, and would have refused it.',
      alert: 'This attempt reached an alert of the ladder.',
    },
    admitted: (instant: string) => `The same request would have been admitted from ${instant} on.`,
    policyGone: 'There is no policy of that name any more.',
    policyChanged: (version: string) => `The policy has changed since: this was its version ${version}.`,
  },
  fr: {
    counted({ ruleId, before, cost, capacity, windowMs, cooling, waitMs }: EventCounter): string {
      if (capacity === 0) {
        const wait = waitMs === null || waitMs === 0 ? 'un défi résolu' : `une attente de ${seconds(waitMs)} s`
        return `Après ${before} tentatives, l’échelle de la règle « ${ruleId} » demande ${wait} avant la suivante.`
      }
      if (cooling) return `La règle « ${ruleId} » était en pause après le dépassement de sa limite de ${capacity}.`
      return `La règle « ${ruleId} » en admet ${capacity} en ${seconds(windowMs)} s ; ${before} étaient prises, et cette requête en demandait ${cost} de plus.`
    },
    signal: (ruleId: string, scores: string) =>
      `Les signaux de la règle « ${ruleId} » pesaient trop : ${scores || 'aucun n’est connu'}.`,
    listed: (ruleId: string) => `La liste d’accès « ${ruleId} » nomme le client, sa clé ou son pays.`,
    storeFailure: (ruleId: string) =>
      `Les compteurs n’ont pas répondu à temps, et la règle « ${ruleId} » fait alors ce que dit son onStoreFailure.`,
    outcome: {
      refused: 'La requête a été refusée.',
      challenged: 'La requête devait revenir avec un défi résolu.',
      'shadow-refused': 'La requête a été admise : la règle est en observation, et l’aurait refusée.',
      alert: 'Cette tentative a atteint une alerte de l’échelle.',
    },
    admitted: (instant: string) => `La même requête aurait été admise à partir de ${instant}.`,
    policyGone: 'Aucune politique ne porte plus ce nom.',
    policyChanged: (version: string) => `La politique a changé depuis : c’était sa version ${version}.`,
  },
}
