import { language } from '../words.ts'

const en = {
  keys: 'the keys that sign access tokens',
  list: 'list the signing keys: the one in use, the next, and those still believed',
  rotate: 'let the next key take over, as soon as it may sign',
  revoke: 'end every key at once instead: no access token that is out holds any more',
  headings: { from: 'SIGNS FROM', until: 'UNTIL', removed: 'REMOVED' },
  states: { active: 'active', next: 'next', retired: 'retired' },
  empty: 'There are no signing keys yet: the server makes them when it starts.',
  rotated: (kid: string) =>
    `The key ${kid} signs from now on. Nobody is signed out: tokens of the one before stay valid until they expire.`,
  waiting: (kid: string, from: string) =>
    `The key ${kid} takes over at ${from}: by then everybody who keeps the published keys has it. Running servers see to it. Nobody is signed out.`,
  awaited: 'A running server makes the next key; it takes over half an hour later. Nobody is signed out.',
  revoked: (count: number) =>
    `${count} ${count === 1 ? 'key has' : 'keys have'} ended, with every access token; sessions go on, and applications fetch a token with their refresh token. Running servers make keys at once, else the next start does.`,
}

const fr: typeof en = {
  keys: 'les clés qui signent les jetons d’accès',
  list: 'liste les clés de signature : celle en service, la suivante, et celles encore crues',
  rotate: 'fait prendre le relais à la clé suivante, dès qu’elle peut signer',
  revoke: 'met plutôt fin à toutes les clés sur-le-champ : aucun jeton d’accès émis ne vaut plus',
  headings: { from: 'SIGNE DÈS', until: 'JUSQU’À', removed: 'RETIRÉE' },
  states: { active: 'active', next: 'suivante', retired: 'ancienne' },
  empty: 'Il n’y a pas encore de clés de signature : le serveur les crée à son démarrage.',
  rotated: (kid) =>
    `La clé ${kid} signe désormais. Personne n’est déconnecté : les jetons de la précédente valent jusqu’à leur terme.`,
  waiting: (kid, from) =>
    `La clé ${kid} prend le relais à ${from} : d’ici là, quiconque garde les clés publiées la connaît. Les serveurs en marche s’en chargent. Personne n’est déconnecté.`,
  awaited:
    'Un serveur en marche crée la clé suivante ; elle prend le relais une demi-heure plus tard. Personne n’est déconnecté.',
  revoked: (count) =>
    `${count} ${count < 2 ? 'clé a pris fin' : 'clés ont pris fin'}, et tous les jetons d’accès avec ; les sessions continuent, et les applications prennent un jeton avec leur jeton de renouvellement. Les serveurs en marche créent des clés aussitôt, sinon le prochain démarrage.`,
}

/** What the commands about signing keys say. */
export const keyWords = language === 'fr' ? fr : en
