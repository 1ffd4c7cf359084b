import { language } from '../words.ts'

const en = {
  keys: 'the keys that sign access tokens',
  list: 'list the signing keys: the one in use, the next, and those still believed',
  rotate: 'let the next key take over, as soon as it may sign',
  revoke: 'end every key at once instead: no access token that is out holds any more',
  rewrap: 'seal everything anew under REMPART_SECRET_KEY that is under a former one, while the servers run',
  check: 'say only how much is under another master secret; exit 1 when there is any',
  rewrapping: (done: string, total: string) => `${done} of ${total} sealed values`,
  rewrapped: (count: number) =>
    count === 0
      ? 'Everything is under REMPART_SECRET_KEY: no former master secret is needed.'
      : `${count} sealed ${count === 1 ? 'value is' : 'values are'} under REMPART_SECRET_KEY now. No former master secret is needed: take REMPART_SECRET_KEY_PREVIOUS away and restart.`,
  outdated: (count: number) =>
    `${count} sealed ${count === 1 ? 'value is' : 'values are'} under another master secret than REMPART_SECRET_KEY.`,
  remaining: (count: number) =>
    `${count} sealed ${count === 1 ? 'value is' : 'values are'} under a former master secret again: a server still runs with it as its REMPART_SECRET_KEY. Give every server the new one, then run this again.`,
  unreadable: (count: number) =>
    `${count} sealed ${count === 1 ? 'value opens' : 'values open'} under no master secret that is configured, and ${count === 1 ? 'stays' : 'stay'} as ${count === 1 ? 'it is' : 'they are'}. If you have an older one, put it into REMPART_SECRET_KEY_PREVIOUS and run this again; without it ${count === 1 ? 'it is' : 'they are'} lost.`,
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
  rewrap:
    'scelle à nouveau, sous REMPART_SECRET_KEY, tout ce qui l’est sous un ancien secret, pendant que les serveurs tournent',
  check: 'dit seulement combien de valeurs sont sous un autre secret maître ; sort avec 1 s’il y en a',
  rewrapping: (done, total) => `${done} valeurs scellées sur ${total}`,
  rewrapped: (count) =>
    count === 0
      ? 'Tout est sous REMPART_SECRET_KEY : aucun ancien secret maître n’est nécessaire.'
      : `${count} ${count < 2 ? 'valeur scellée est' : 'valeurs scellées sont'} désormais sous REMPART_SECRET_KEY. Aucun ancien secret maître n’est plus nécessaire : retirez REMPART_SECRET_KEY_PREVIOUS et redémarrez.`,
  outdated: (count) =>
    `${count} ${count < 2 ? 'valeur scellée est' : 'valeurs scellées sont'} sous un autre secret maître que REMPART_SECRET_KEY.`,
  remaining: (count) =>
    `${count} ${count < 2 ? 'valeur scellée est' : 'valeurs scellées sont'} de nouveau sous un ancien secret maître : un serveur l’a encore pour REMPART_SECRET_KEY. Donnez le nouveau à chaque serveur, puis relancez cette commande.`,
  unreadable: (count) =>
    `${count} ${count < 2 ? 'valeur scellée ne s’ouvre' : 'valeurs scellées ne s’ouvrent'} avec aucun secret maître configuré et ${count < 2 ? 'reste' : 'restent'} en l’état. Si vous en avez un plus ancien, mettez-le dans REMPART_SECRET_KEY_PREVIOUS et relancez cette commande ; sans lui, ${count < 2 ? 'elle est perdue' : 'elles sont perdues'}.`,
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
