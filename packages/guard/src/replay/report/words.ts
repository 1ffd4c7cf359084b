import type { HumanReason, HumanVerdict } from '../human.ts'
import type { UnjudgedReason } from '../judged-rules.ts'
import type { BadLine } from '../log-line.ts'
import type { RuleReading, TrialReading } from '../result.ts'

/** Languages a report can be written in. */
export type ReportLanguage = 'en' | 'fr'

/** How figures, times and sentences are written. */
export interface ReportWords {
  readonly language: ReportLanguage
  readonly number: (value: number) => string
  /** A share from 0 to 1. Never 0 % of what is not nothing. */
  readonly share: (value: number) => string
  /** An instant, in UTC. */
  readonly instant: (text: string | null) => string
  readonly span: (ms: number) => string
  /** A tick of a time axis whose whole length is given. */
  readonly tick: (second: number, lengthSeconds: number) => string
  readonly conclusion: (trial: TrialReading, clients: number) => string
  readonly near: (count: number) => string
  readonly inShadow: (requests: number) => string
  readonly ruleSays: (rule: RuleReading) => string
  readonly looks: Readonly<Record<HumanVerdict, string>>
  readonly reason: (reason: HumanReason) => string
  readonly unjudged: Readonly<Record<UnjudgedReason, string>>
  readonly bad: Readonly<Record<BadLine, string>>
  readonly text: Readonly<Record<ReportText, string>>
  readonly suggestion: (share: string, limit: string, clients: string, total: string) => string
  readonly compared: (first: string, second: string) => string
  readonly onlyBy: (name: string, clients: string) => string
  readonly sides: (first: TrialReading, second: TrialReading, both: number) => string
  readonly badLines: (count: number) => string
  readonly late: (count: number) => string
  readonly misdated: (count: number) => string
  readonly withoutRequest: (count: number) => string
  readonly forgotten: (count: number) => string
  readonly evictions: (count: number) => string
  readonly more: (shown: string, all: string) => string
  /** What stands between a label and its value. */
  readonly colon: string
}

type ReportText =
  | 'title'
  | 'partial'
  | 'requests'
  | 'refused'
  | 'challenged'
  | 'shadow'
  | 'clients'
  | 'clientsRefused'
  | 'looksHuman'
  | 'overTime'
  | 'overTimeNote'
  | 'nobodyRefused'
  | 'rules'
  | 'rule'
  | 'says'
  | 'touched'
  | 'mode'
  | 'live'
  | 'inShadow'
  | 'refusedClients'
  | 'refusedClientsNote'
  | 'client'
  | 'looks'
  | 'why'
  | 'nearMisses'
  | 'nearNote'
  | 'reached'
  | 'limits'
  | 'limitsNote'
  | 'present'
  | 'suggested'
  | 'exact'
  | 'upperBound'
  | 'method'
  | 'notJudged'
  | 'partly'
  | 'seconds'
  | 'noAgents'
  | 'examples'
  | 'line'
  | 'log'
  | 'estimate'
  | 'hidden'
  | 'everyRequest'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

function createFormats(language: ReportLanguage, units: Readonly<Record<'minute' | 'day', string>>) {
  const locale = language === 'fr' ? 'fr-FR' : 'en-GB'
  const whole = new Intl.NumberFormat(locale)
  const percent = (digits: number): Intl.NumberFormat =>
    new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: digits })
  const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })
  const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' })
  const day = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', timeZone: 'UTC' })
  const month = new Intl.DateTimeFormat(locale, { month: 'short', year: 'numeric', timeZone: 'UTC' })
  const coarse = percent(1)
  const fine = percent(3)
  // The formats put a narrow no-break space where fonts often have none.
  const plain = (text: string): string => text.replaceAll('\u202F', '\u00A0')
  return {
    number: (value: number): string => plain(whole.format(value)),
    share(value: number): string {
      if (value > 0 && value < 0.000_01) return plain(`< ${fine.format(0.000_01)}`)
      return plain((value < 0.01 || (value > 0.99 && value < 1) ? fine : coarse).format(value))
    },
    instant: (text: string | null): string => (text === null ? '–' : `${plain(dateTime.format(new Date(text)))} UTC`),
    span(ms: number): string {
      if (ms % DAY === 0) return `${ms / DAY}\u00A0${units.day}`
      if (ms % HOUR === 0) return `${ms / HOUR}\u00A0h`
      if (ms % MINUTE === 0 && ms > MINUTE) return `${ms / MINUTE}\u00A0${units.minute}`
      return ms % SECOND === 0 ? `${ms / SECOND}\u00A0s` : `${ms}\u00A0ms`
    },
    tick(second: number, lengthSeconds: number): string {
      const date = new Date(second * 1_000)
      if (lengthSeconds <= 86_400) return clock.format(date)
      if (lengthSeconds <= 86_400 * 4) return `${day.format(date)} ${clock.format(date)}`
      return lengthSeconds <= 86_400 * 300 ? day.format(date) : month.format(date)
    },
  }
}

const enFormats = createFormats('en', { minute: 'min', day: 'd' })
const frFormats = createFormats('fr', { minute: 'min', day: 'j' })

const lines = (count: number): string => `${enFormats.number(count)} line${count === 1 ? '' : 's'}`

/** What rules count by, for who has not written them. */
const englishSubjects: Readonly<Record<string, string>> = {
  ip: 'address',
  fingerprint: 'address and browser',
  'header:user-agent': 'browser',
}

const english: ReportWords = {
  colon: ': ',
  language: 'en',
  ...enFormats,
  conclusion(trial, clients) {
    const { number, share } = enFormats
    const { refused, human } = trial.clients
    const turned = trial.refused + trial.challenged
    if (trial.requests === 0) return 'The log holds no request.'
    if (turned === 0) return `This policy would have refused nobody: all ${number(trial.requests)} requests pass.`
    const verb = trial.challenged === 0 ? 'refused' : trial.refused === 0 ? 'challenged' : 'refused or challenged'
    const whom = `${number(refused)} of ${number(clients)} client${clients === 1 ? '' : 's'}`
    const people =
      human === 0 ? 'none of them looks human' : `${number(human)} of them look${human === 1 ? 's' : ''} human`
    return `This policy would have ${verb} ${share(turned / trial.requests)} of requests, from ${whom}; ${people}.`
  },
  near: (count) =>
    count === 0
      ? 'Nobody else came near a limit.'
      : `${enFormats.number(count)} time${count === 1 ? '' : 's'}, a client came to 80% of a limit or more without being refused.`,
  inShadow: (requests) =>
    `Rules in shadow would have refused ${enFormats.number(requests)} request${requests === 1 ? '' : 's'} more.`,
  ruleSays(rule) {
    const { number, span } = enFormats
    const by = rule.by.map((subject) => englishSubjects[subject] ?? subject).join(' and ')
    if (rule.limit === null || rule.windowMs === null) return by === '' ? rule.kind : `${rule.kind}, per ${by}`
    const figures = `${number(rule.limit)} in ${span(rule.windowMs)} per ${by}`
    const cooldown =
      rule.cooldownMs !== null && rule.cooldownMs > 0 ? `, then ${span(rule.cooldownMs)} of cooldown` : ''
    return `${rule.kind === 'lockout' ? 'lockout: ' : ''}${figures}${cooldown}`
  },
  looks: { human: 'human', unclear: 'unclear', automated: 'automated' },
  reason({ code, value = 0 }) {
    const { number, share } = enFormats
    switch (code) {
      case 'agent-browser':
        return 'says that it is a browser'
      case 'agent-outdated':
        return 'says that it is an old browser'
      case 'agent-crawler':
        return 'says that it is a crawler, as search engines send'
      case 'agent-tool':
        return 'says that it is a program, not a browser'
      case 'agent-empty':
        return 'does not say what it is'
      case 'agent-unknown':
        return 'says that it is something unknown'
      case 'agents-many':
        return 'says that it is many different things'
      case 'assets-loaded':
        return `loads images, styles and scripts (${share(value)} of its requests)`
      case 'assets-none':
        return 'never loads an image, a style or a script'
      case 'referrers-many':
        return `follows links (${share(value)} of its requests)`
      case 'referrers-none':
        return 'never says which page it comes from'
      case 'errors-many':
        return `asks for what does not exist or is forbidden (${share(value)} of its requests)`
      case 'clockwork':
        return `comes like clockwork, every ${number(Math.round(value))} s`
      case 'irregular':
        return 'comes at irregular times'
      case 'round-the-clock':
        return `active in ${number(value)} of 24 hours`
      case 'night-only':
        return 'active at night only'
      case 'paths-many':
        return `goes through many addresses (about ${number(value)})`
    }
  },
  unjudged: {
    account: 'a log does not tell accounts',
    tenant: 'a log does not tell tenants',
    'api-key': 'a log does not tell API keys',
    header: 'the log has no such header',
    country: 'the log tells no country',
    concurrency: 'a log does not tell how long requests overlap',
    quota: 'quotas are counted with what they allow',
    body: 'a log has no bodies',
  },
  bad: {
    address: 'no address',
    time: 'no time',
    request: 'no request',
    status: 'no status',
    shape: 'another shape',
    'too-long': 'longer than 64 KiB',
  },
  text: {
    title: 'Backtest of a policy',
    partial: 'Only a part of the log was read.',
    requests: 'requests',
    refused: 'refused',
    challenged: 'challenged',
    shadow: 'refused in shadow',
    clients: 'clients',
    clientsRefused: 'clients refused',
    looksHuman: 'of them look human',
    overTime: 'Refused over time',
    overTimeNote: 'Refusals by rule; the grey area is all requests, on a scale of its own. Times are UTC.',
    nobodyRefused: 'Nobody was refused.',
    rules: 'Rules',
    rule: 'Rule',
    says: 'What it says',
    touched: 'clients it counted',
    mode: 'Mode',
    live: 'live',
    inShadow: 'shadow',
    refusedClients: 'Who would have been refused',
    refusedClientsNote:
      'What a client looks like is a score from 0 (automated) to 100 (human): 50, and the points of each reason given. Anybody can feign the signs; it says where to look closer.',
    client: 'Client',
    looks: 'Looks',
    why: 'Why',
    nearMisses: 'Near misses',
    nearNote:
      'Clients that came to 80% of a limit or more and were not refused by it. A tighter limit begins with them.',
    reached: 'Reached',
    limits: 'The limit and those it refuses',
    limitsNote:
      'The further right, the more a rule lets through; the curve says which share of its clients would still be refused at least once.',
    present: 'in force',
    suggested: 'suggested',
    exact: 'Exact.',
    upperBound: 'At most: a limit refuses no more clients than is said.',
    method: 'How this was made',
    notJudged: 'Rules that a log cannot judge, left out:',
    partly: 'judged only by what the client says that it is',
    seconds: 'The log tells whole seconds: requests of one second are decided in the order of their lines.',
    noAgents: 'The log has no User-Agents.',
    examples: 'The first ones, digits and names masked:',
    line: 'line',
    log: 'Log',
    estimate: 'about',
    hidden: 'Clients are named by the beginning of their address and a mark that means nothing outside this report.',
    everyRequest: 'The engine that decides live has decided every request of the log, under the clock of the log.',
  },
  suggestion: (share, limit, clients, total) =>
    `A limit of ${limit} would refuse at most ${share} of clients: ${clients} of ${total}.`,
  compared: (first, second) => `${first} compared with ${second}`,
  onlyBy: (name, clients) => `Clients refused only by ${name}: ${clients}`,
  sides(first, second, both) {
    const side = ({ name, refused, challenged, clients }: TrialReading): string =>
      `${name} refuses ${enFormats.number(refused + challenged)} requests of ${enFormats.number(clients.refused)} clients`
    return `${side(first)}; ${side(second)}. ${enFormats.number(both)} clients are refused by both.`
  },
  badLines: (count) => `${lines(count)} could not be read.`,
  late: (count) => `${lines(count)} came too late for the time written and decided at the present one.`,
  misdated: (count) => `${lines(count)} dated far ahead of those around, and decided at the present time.`,
  withoutRequest: (count) => `${lines(count)} of connections without a request, which no policy is for.`,
  forgotten: (count) =>
    `${enFormats.number(count)} clients that were not refused were forgotten to bound memory; counts of clients are estimates (± 0.8%).`,
  evictions: (count) =>
    `${count} counters were forgotten for want of room: a few more requests passed than would have.`,
  more: (shown, all) => `${shown} of ${all} are shown.`,
}

const s = (count: number): string => (count < 2 ? '' : 's')

const lignes = (count: number): string => `${frFormats.number(count)} ligne${s(count)}`

const frenchSubjects: Readonly<Record<string, string>> = {
  ip: 'adresse',
  fingerprint: 'adresse et navigateur',
  'header:user-agent': 'navigateur',
}

const french: ReportWords = {
  colon: '\u00A0: ',
  language: 'fr',
  ...frFormats,
  conclusion(trial, clients) {
    const { number, share } = frFormats
    const { refused, human } = trial.clients
    const turned = trial.refused + trial.challenged
    if (trial.requests === 0) return 'Le journal ne contient aucune requête.'
    if (turned === 0) {
      return `Cette politique n’aurait refusé personne : les ${number(trial.requests)} requêtes passent toutes.`
    }
    const verb =
      trial.challenged === 0 ? 'refusé' : trial.refused === 0 ? 'mis à l’épreuve' : 'refusé ou mis à l’épreuve'
    const whom = `${number(refused)} client${s(refused)} sur ${number(clients)}`
    const people =
      human === 0
        ? 'aucun n’a l’air humain'
        : `${number(human)} ${human === 1 ? 'd’entre eux a l’air humain' : 'd’entre eux ont l’air humains'}`
    return `Cette politique aurait ${verb} ${share(turned / trial.requests)} des requêtes, venant de ${whom} ; ${people}.`
  },
  near: (count) =>
    count === 0
      ? 'Personne d’autre ne s’est approché d’une limite.'
      : `${frFormats.number(count)} fois, un client a atteint au moins 80 % d’une limite sans être refusé.`,
  inShadow: (requests) =>
    `Les règles en observation auraient refusé ${frFormats.number(requests)} requête${s(requests)} de plus.`,
  ruleSays(rule) {
    const { number, span } = frFormats
    const by = rule.by.map((subject) => frenchSubjects[subject] ?? subject).join(' et ')
    if (rule.limit === null || rule.windowMs === null) return by === '' ? rule.kind : `${rule.kind}, par ${by}`
    const figures = `${number(rule.limit)} en ${span(rule.windowMs)} par ${by}`
    const cooldown = rule.cooldownMs !== null && rule.cooldownMs > 0 ? `, puis ${span(rule.cooldownMs)} de blocage` : ''
    return `${rule.kind === 'lockout' ? 'verrouillage : ' : ''}${figures}${cooldown}`
  },
  looks: { human: 'humain', unclear: 'incertain', automated: 'automatique' },
  reason({ code, value = 0 }) {
    const { number, share } = frFormats
    switch (code) {
      case 'agent-browser':
        return 'se dit navigateur'
      case 'agent-outdated':
        return 'se dit vieux navigateur'
      case 'agent-crawler':
        return 'se dit robot, comme ceux des moteurs de recherche'
      case 'agent-tool':
        return 'se dit programme, et non navigateur'
      case 'agent-empty':
        return 'ne dit pas ce qu’il est'
      case 'agent-unknown':
        return 'se dit quelque chose d’inconnu'
      case 'agents-many':
        return 'se dit beaucoup de choses différentes'
      case 'assets-loaded':
        return `charge images, styles et scripts (${share(value)} de ses requêtes)`
      case 'assets-none':
        return 'ne charge jamais d’image, de style ni de script'
      case 'referrers-many':
        return `suit des liens (${share(value)} de ses requêtes)`
      case 'referrers-none':
        return 'ne dit jamais de quelle page il vient'
      case 'errors-many':
        return `demande ce qui n’existe pas ou est interdit (${share(value)} de ses requêtes)`
      case 'clockwork':
        return `revient comme une horloge, toutes les ${number(Math.round(value))} s`
      case 'irregular':
        return 'vient à des moments irréguliers'
      case 'round-the-clock':
        return `actif ${number(value)} heures sur 24`
      case 'night-only':
        return 'actif la nuit seulement'
      case 'paths-many':
        return `parcourt beaucoup d’adresses (environ ${number(value)})`
    }
  },
  unjudged: {
    account: 'un journal ne dit pas les comptes',
    tenant: 'un journal ne dit pas les organisations',
    'api-key': 'un journal ne dit pas les clés d’API',
    header: 'le journal n’a pas cet en-tête',
    country: 'le journal ne dit pas le pays',
    concurrency: 'un journal ne dit pas combien de temps les requêtes se chevauchent',
    quota: 'les quotas se comptent avec ce qu’ils permettent',
    body: 'un journal n’a pas les corps de requête',
  },
  bad: {
    address: 'sans adresse',
    time: 'sans heure',
    request: 'sans requête',
    status: 'sans statut',
    shape: 'd’une autre forme',
    'too-long': 'plus de 64 Kio',
  },
  text: {
    title: 'Essai d’une politique sur un journal',
    partial: 'Seule une partie du journal a été lue.',
    requests: 'requêtes',
    refused: 'refusées',
    challenged: 'mises à l’épreuve',
    shadow: 'refusées en observation',
    clients: 'clients',
    clientsRefused: 'clients refusés',
    looksHuman: 'd’entre eux ont l’air humains',
    overTime: 'Les refus au fil du temps',
    overTimeNote:
      'Refus par règle ; la surface grise est celle de toutes les requêtes, à une échelle à elle. Heures en UTC.',
    nobodyRefused: 'Personne n’a été refusé.',
    rules: 'Règles',
    rule: 'Règle',
    says: 'Ce qu’elle dit',
    touched: 'clients comptés',
    mode: 'Mode',
    live: 'active',
    inShadow: 'observation',
    refusedClients: 'Qui aurait été refusé',
    refusedClientsNote:
      'L’allure d’un client est une note de 0 (automatique) à 100 (humain) : 50, et les points de chaque raison donnée. Chacun peut feindre ces signes ; la note dit où regarder de plus près.',
    client: 'Client',
    looks: 'Allure',
    why: 'Pourquoi',
    nearMisses: 'Passés de justesse',
    nearNote:
      'Clients qui ont atteint au moins 80 % d’une limite sans qu’elle les refuse. Une limite plus serrée commence par eux.',
    reached: 'Atteint',
    limits: 'La limite et ceux qu’elle refuse',
    limitsNote:
      'Plus on va vers la droite, plus la règle laisse passer ; la courbe dit quelle part de ses clients serait encore refusée au moins une fois.',
    present: 'en vigueur',
    suggested: 'suggérée',
    exact: 'Exact.',
    upperBound: 'Au plus : une limite ne refuse pas plus de clients qu’il n’est dit.',
    method: 'Comment ceci a été fait',
    notJudged: 'Règles qu’un journal ne permet pas de juger, laissées de côté :',
    partly: 'jugée seulement par ce que le client dit être',
    seconds:
      'Le journal donne des secondes entières : les requêtes d’une même seconde sont décidées dans l’ordre des lignes.',
    noAgents: 'Le journal n’a pas de User-Agent.',
    examples: 'Les premières, chiffres et noms masqués :',
    line: 'ligne',
    log: 'Journal',
    estimate: 'environ',
    hidden:
      'Les clients sont nommés par le début de leur adresse et une marque qui ne veut rien dire hors de ce rapport.',
    everyRequest: 'Le moteur qui décide en direct a décidé de chaque requête du journal, sous l’horloge du journal.',
  },
  suggestion: (share, limit, clients, total) =>
    `Une limite de ${limit} refuserait au plus ${share} des clients : ${clients} sur ${total}.`,
  compared: (first, second) => `${first} comparée à ${second}`,
  onlyBy: (name, clients) => `Clients refusés seulement par ${name} : ${clients}`,
  sides(first, second, both) {
    const side = ({ name, refused, challenged, clients }: TrialReading): string =>
      `${name} refuse ${frFormats.number(refused + challenged)} requêtes de ${frFormats.number(clients.refused)} clients`
    return `${side(first)} ; ${side(second)}. ${frFormats.number(both)} clients sont refusés par les deux.`
  },
  badLines: (count) => `${lignes(count)} sans lecture possible.`,
  late: (count) => `${lignes(count)} trop en retard sur l’heure écrite : décision à l’heure présente.`,
  misdated: (count) =>
    `${lignes(count)} à une date bien postérieure aux lignes voisines : décision à l’heure présente.`,
  withoutRequest: (count) => `${lignes(count)} de connexions sans requête, qu’aucune politique ne concerne.`,
  forgotten: (count) =>
    `${frFormats.number(count)} clients qui n’étaient pas refusés ont été oubliés pour borner la mémoire ; les nombres de clients sont estimés (± 0,8 %).`,
  evictions: (count) =>
    `${frFormats.number(count)} compteurs ont été oubliés faute de place : quelques requêtes de plus sont passées qu’il n’en serait passé.`,
  more: (shown, all) => `${shown} sur ${all} sont montrés.`,
}

/** The words of a language. */
export function reportWords(language: ReportLanguage): ReportWords {
  return language === 'fr' ? french : english
}
