import { language } from '../words.ts'

const en = {
  events: 'what the guard refused, challenged or would have',
  list: 'list security events, newest first',
  explain: 'say why it came to an event, from what was stored then',
  ofType: 'only these: refused, challenged, shadow-refused or alert',
  ofPolicy: 'only those of this policy',
  ofRule: 'only those of this rule',
  ofClient: 'only those of this client: the first 8 digits of its fingerprint, as in log lines',
  since: 'first seen from this instant on, such as 2026-11-21T08:00:00Z',
  until: 'first seen before this instant',
  invalidType: 'must be refused, challenged, shadow-refused or alert',
  invalidPrefix: 'must be 8 hexadecimal digits',
  headings: {
    at: 'AT',
    type: 'TYPE',
    rule: 'RULE',
    reason: 'REASON',
    count: 'COUNT',
    client: 'CLIENT',
    route: 'ROUTE',
    id: 'ID',
    last: 'LAST',
    version: 'VERSION',
    request: 'REQUEST',
    subjects: 'COUNTED BY',
    why: 'WHY',
  },
  policyNote: 'Whether the policy is still in force is judged by this release and the policy file named here.',
}

const fr: typeof en = {
  events: 'ce que la garde a refusé, mis au défi, ou aurait refusé',
  list: 'liste les événements de sécurité, du plus récent au plus ancien',
  explain: 'dit pourquoi un événement est survenu, d’après ce qui a été noté alors',
  ofType: 'seulement ceux-ci : refused, challenged, shadow-refused ou alert',
  ofPolicy: 'seulement ceux de cette politique',
  ofRule: 'seulement ceux de cette règle',
  ofClient: 'seulement ceux de ce client : les 8 premiers chiffres de son empreinte, comme dans les journaux',
  since: 'vus pour la première fois à partir de cet instant, par exemple 2026-11-21T08:00:00Z',
  until: 'vus pour la première fois avant cet instant',
  invalidType: 'doit être refused, challenged, shadow-refused ou alert',
  invalidPrefix: 'doit être formé de 8 chiffres hexadécimaux',
  headings: {
    at: 'DATE',
    type: 'TYPE',
    rule: 'RÈGLE',
    reason: 'RAISON',
    count: 'NOMBRE',
    client: 'CLIENT',
    route: 'ROUTE',
    id: 'ID',
    last: 'DERNIER',
    version: 'VERSION',
    request: 'REQUÊTE',
    subjects: 'COMPTÉ PAR',
    why: 'POURQUOI',
  },
  policyNote:
    'Que la politique soit encore en vigueur est jugé d’après cette version et le fichier de politiques nommé ici.',
}

/** What the commands about events say. */
export const eventWords = language === 'fr' ? fr : en
