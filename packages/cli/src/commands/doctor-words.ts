import type { Facts } from '@rempart/server/doctor'
import { language } from '../words.ts'

/** What a finding says, and what to do where something is to be done. */
type Words = Readonly<Record<string, (facts: Facts) => readonly [said: string, todo?: string]>>

const en = {
  'node-ok': ({ version }) => [`Node ${version}`],
  'node-old': ({ version }) => [`Node ${version} is too old`, 'Run it with Node 24 or later: npm ci installs one.'],
  'config-ok': () => ['The settings are sound'],
  'config-fault': ({ fault }) => [String(fault), 'See docs/reference/config.md.'],
  'secret-store': ({ message }) => [String(message), 'Nothing else can be checked before the store answers.'],
  'url-ok': ({ publicUrl }) => [`${publicUrl} is https, behind proxies that are named`],
  'url-local': ({ publicUrl }) => [`${publicUrl} is for this machine`],
  'url-plain': ({ publicUrl }) => [
    `${publicUrl} is plain http: passwords and tokens cross the network in the clear, and browsers keep no session`,
    'Put a proxy with a certificate in front, and make REMPART_PUBLIC_URL https.',
  ],
  'proxies-none': ({ publicUrl }) => [
    `${publicUrl} is https and no proxy is trusted: every client has the address of the proxy, and is sent to https for ever`,
    'Name the proxy in REMPART_TRUSTED_PROXIES, as 10.0.0.5/32.',
  ],
  'proxies-all': () => [
    'REMPART_TRUSTED_PROXIES trusts everybody: whoever sends X-Forwarded-For chooses an address and escapes every limit',
    'Name your proxies and nothing else.',
  ],
  'host-open': ({ host }) => [`The server listens on ${host}: keep its port to the proxies`],
  'security-contact-none': ({ hostname }) => [
    `/.well-known/security.txt sends reports to security@${hostname}, which nobody has confirmed`,
    'Make that mailbox, or name another in REMPART_SECURITY_CONTACT.',
  ],
  'secrets-ok': () => ['No secret is a default or an example'],
  'secret-weak': ({ name }) => [
    `${name} holds a default or an example secret`,
    'Change it: openssl rand -base64 32. Production refuses to start with it.',
  ],
  'files-ok': ({ count }) => [`Files with secrets: ${count}, for their owner alone`],
  'file-open': ({ file, mode }) => [`${file} can be read by others (mode ${mode})`, `chmod 600 ${file}`],
  'key-open': ({ file, mode }) => [
    `${file} can be read by others (mode ${mode}): the server does not start`,
    `chmod 600 ${file}`,
  ],
  'disk-ok': ({ dataDir, freeMegabytes }) => [`${dataDir} has ${freeMegabytes} MB free`],
  'disk-little': ({ dataDir, freeMegabytes }) => [
    `${dataDir} has only ${freeMegabytes} MB free`,
    'Make room, or move REMPART_DATA_DIR.',
  ],
  'disk-full': ({ dataDir, freeMegabytes }) => [
    `${dataDir} is full: ${freeMegabytes} MB free`,
    'Make room now: the embedded database stops when it cannot write.',
  ],
  'policy-ok': ({ policyFile, count }) => [`${policyFile} is sound; ${count} policies hold`],
  'policy-faults': ({ message }) => [String(message), 'rempart policy check shows each fault in its place.'],
  'database-none': ({ dataDir }) => [`No database in ${dataDir} yet: the first start makes one`],
  'database-ok': ({ version }) => [`PostgreSQL ${version}: schema, roles and row-level security are as they should be`],
  'database-behind': ({ message }) => [String(message), 'Migrate before the servers of this release start.'],
  'database-unsafe': ({ message }) => [
    `The database is not safe to serve from: ${message}`,
    'rempart database init prints the SQL that makes the roles.',
  ],
  'database-embedded': ({ message }) => [String(message)],
  'database-away': ({ message }) => [
    `The database cannot be reached: ${message}`,
    'Check REMPART_DATABASE_URL, the network and whether PostgreSQL runs.',
  ],
  'database-refused': ({ message }) => [
    `The database refuses: ${message}`,
    'Check user, password and database of REMPART_DATABASE_URL and its worker twin.',
  ],
  'clock-ok': ({ seconds }) => [`The clocks of this machine and the database agree (${seconds} s)`],
  'clock-skewed': ({ seconds }) => [
    `The clocks of this machine and the database are ${seconds} s apart`,
    'Let NTP run on both.',
  ],
  'clock-off': ({ seconds }) => [
    `The clocks of this machine and the database are ${seconds} s apart: codes and tokens are refused`,
    'Let NTP run on both.',
  ],
  'signing-keys-none': () => ['No signing keys yet: the first start makes them'],
  'signing-keys-ok': ({ days }) => [`The signing key is ${days} days old`],
  'signing-keys-old': ({ days }) => [
    `The signing key is ${days} days old: no server has rotated it`,
    'Start a server, or run rempart keys rotate.',
  ],
  'outbox-ok': () => ['No mail waits'],
  'outbox-late': ({ count, minutes }) => [
    `${count} mails have been due for more than ${minutes} minutes`,
    'Check the mail server below, and that a process runs jobs (REMPART_RUN).',
  ],
  'jobs-never': () => ['No job has run lately: no server has been started yet, or none runs jobs (REMPART_RUN)'],
  'jobs-ok': ({ minutes }) => [`Jobs ran ${minutes} min ago`],
  'jobs-dead': ({ minutes }) => [
    `No job has run for ${minutes} minutes: nothing is sent and nothing forgotten`,
    'Start a process with jobs in REMPART_RUN.',
  ],
  'master-ok': () => ['Everything is sealed under REMPART_SECRET_KEY'],
  'master-turning': ({ count }) => [
    `${count} values are still under a former master secret`,
    'Run rempart keys rewrap once every server has the new REMPART_SECRET_KEY.',
  ],
  'master-turned': () => ['No former master secret is needed any more', 'Take REMPART_SECRET_KEY_PREVIOUS away.'],
  'master-lost': ({ count }) => [
    `${count} values are under another master secret than REMPART_SECRET_KEY`,
    'Put the former one into REMPART_SECRET_KEY_PREVIOUS and run rempart keys rewrap.',
  ],
  'guard-alone': () => [
    'REMPART_GUARD_STORE is memory: each process counts for itself',
    'With several processes, leave it to auto.',
  ],
  'redis-ok': () => ['Redis answers and forgets no counters'],
  'redis-finding': ({ finding }) => [`Redis: ${finding}`],
  'redis-away': ({ message }) => [
    `Redis cannot be used: ${message}`,
    'Check REMPART_REDIS_URL; until it answers, each rule decides as its onStoreFailure says.',
  ],
  'smtp-ok': ({ server }) => [`The mail server ${server} takes our mails`],
  'smtp-mailbox': () => ['No mail server: mails go to the mailbox of the data directory (rempart mailbox)'],
  'smtp-none': () => ['No mail server: mails reach nobody', 'Set REMPART_SMTP_URL and REMPART_MAIL_FROM.'],
  'smtp-away': ({ server, code }) => [
    `The mail server ${server} cannot be used (${code})`,
    'Check host and port of REMPART_SMTP_URL, the firewall, and its certificate.',
  ],
  'smtp-refused': ({ server, code }) => [
    `The mail server ${server} does not take the credentials (${code})`,
    'Check user and password of REMPART_SMTP_URL.',
  ],
} satisfies Words

const fr: Readonly<Record<keyof typeof en, Words[string]>> = {
  'node-ok': ({ version }) => [`Node ${version}`],
  'node-old': ({ version }) => [
    `Node ${version} est trop ancien`,
    'Utilisez Node 24 ou plus récent : npm ci en installe un.',
  ],
  'config-ok': () => ['Les réglages sont corrects'],
  'config-fault': ({ fault }) => [String(fault), 'Voir docs/reference/config.md.'],
  'secret-store': ({ message }) => [String(message), 'Rien d’autre ne peut être vérifié avant que le coffre réponde.'],
  'url-ok': ({ publicUrl }) => [`${publicUrl} est en https, derrière des mandataires nommés`],
  'url-local': ({ publicUrl }) => [`${publicUrl} est pour cette machine`],
  'url-plain': ({ publicUrl }) => [
    `${publicUrl} est en http simple : mots de passe et jetons passent en clair, et les navigateurs ne gardent aucune session`,
    'Placez devant un mandataire avec certificat, et mettez REMPART_PUBLIC_URL en https.',
  ],
  'proxies-none': ({ publicUrl }) => [
    `${publicUrl} est en https et aucun mandataire n’est de confiance : tous les clients ont l’adresse du mandataire, et sont renvoyés vers https sans fin`,
    'Nommez le mandataire dans REMPART_TRUSTED_PROXIES, par exemple 10.0.0.5/32.',
  ],
  'proxies-all': () => [
    'REMPART_TRUSTED_PROXIES fait confiance à tous : qui envoie X-Forwarded-For choisit son adresse et échappe à toute limite',
    'Nommez vos mandataires et rien d’autre.',
  ],
  'host-open': ({ host }) => [`Le serveur écoute sur ${host} : réservez son port aux mandataires`],
  'security-contact-none': ({ hostname }) => [
    `/.well-known/security.txt envoie les signalements à security@${hostname}, que personne n’a confirmée`,
    'Créez cette boîte, ou nommez-en une autre dans REMPART_SECURITY_CONTACT.',
  ],
  'secrets-ok': () => ['Aucun secret n’est une valeur par défaut ou d’exemple'],
  'secret-weak': ({ name }) => [
    `${name} contient un secret par défaut ou d’exemple`,
    'Changez-le : openssl rand -base64 32. En production, le serveur refuse de démarrer avec.',
  ],
  'files-ok': ({ count }) => [`Fichiers de secrets : ${count}, pour leur seul propriétaire`],
  'file-open': ({ file, mode }) => [`${file} est lisible par d’autres (mode ${mode})`, `chmod 600 ${file}`],
  'key-open': ({ file, mode }) => [
    `${file} est lisible par d’autres (mode ${mode}) : le serveur ne démarre pas`,
    `chmod 600 ${file}`,
  ],
  'disk-ok': ({ dataDir, freeMegabytes }) => [`${dataDir} a ${freeMegabytes} Mo libres`],
  'disk-little': ({ dataDir, freeMegabytes }) => [
    `${dataDir} n’a que ${freeMegabytes} Mo libres`,
    'Faites de la place, ou déplacez REMPART_DATA_DIR.',
  ],
  'disk-full': ({ dataDir, freeMegabytes }) => [
    `${dataDir} est plein : ${freeMegabytes} Mo libres`,
    'Faites de la place sans attendre : la base embarquée s’arrête quand elle ne peut écrire.',
  ],
  'policy-ok': ({ policyFile, count }) => [`${policyFile} est correct ; ${count} politiques s’appliquent`],
  'policy-faults': ({ message }) => [String(message), 'rempart policy check montre chaque faute à sa place.'],
  'database-none': ({ dataDir }) => [`Pas encore de base dans ${dataDir} : le premier démarrage la crée`],
  'database-ok': ({ version }) => [`PostgreSQL ${version} : schéma, rôles et sécurité par ligne sont comme il faut`],
  'database-behind': ({ message }) => [String(message), 'Migrez avant de démarrer les serveurs de cette version.'],
  'database-unsafe': ({ message }) => [
    `La base n’est pas sûre : ${message}`,
    'rempart database init affiche le SQL qui crée les rôles.',
  ],
  'database-embedded': ({ message }) => [String(message)],
  'database-away': ({ message }) => [
    `La base est injoignable : ${message}`,
    'Vérifiez REMPART_DATABASE_URL, le réseau et que PostgreSQL tourne.',
  ],
  'database-refused': ({ message }) => [
    `La base refuse : ${message}`,
    'Vérifiez utilisateur, mot de passe et base de REMPART_DATABASE_URL et de sa jumelle worker.',
  ],
  'clock-ok': ({ seconds }) => [`Les horloges de cette machine et de la base s’accordent (${seconds} s)`],
  'clock-skewed': ({ seconds }) => [
    `Les horloges de cette machine et de la base diffèrent de ${seconds} s`,
    'Activez NTP sur les deux.',
  ],
  'clock-off': ({ seconds }) => [
    `Les horloges de cette machine et de la base diffèrent de ${seconds} s : codes et jetons sont refusés`,
    'Activez NTP sur les deux.',
  ],
  'signing-keys-none': () => ['Pas encore de clés de signature : le premier démarrage les crée'],
  'signing-keys-ok': ({ days }) => [`La clé de signature a ${days} jours`],
  'signing-keys-old': ({ days }) => [
    `La clé de signature a ${days} jours : aucun serveur ne l’a renouvelée`,
    'Démarrez un serveur, ou lancez rempart keys rotate.',
  ],
  'outbox-ok': () => ['Aucun courriel n’attend'],
  'outbox-late': ({ count, minutes }) => [
    `${count} courriels attendent depuis plus de ${minutes} minutes`,
    'Vérifiez le serveur de courriel ci-dessous, et qu’un processus exécute les tâches (REMPART_RUN).',
  ],
  'jobs-never': () => [
    'Aucune tâche récente : aucun serveur n’a encore démarré, ou aucun n’exécute les tâches (REMPART_RUN)',
  ],
  'jobs-ok': ({ minutes }) => [`Les tâches ont tourné il y a ${minutes} min`],
  'jobs-dead': ({ minutes }) => [
    `Aucune tâche depuis ${minutes} minutes : rien n’est envoyé ni oublié`,
    'Démarrez un processus avec jobs dans REMPART_RUN.',
  ],
  'master-ok': () => ['Tout est scellé sous REMPART_SECRET_KEY'],
  'master-turning': ({ count }) => [
    `${count} valeurs sont encore sous un ancien secret maître`,
    'Lancez rempart keys rewrap quand chaque serveur a le nouveau REMPART_SECRET_KEY.',
  ],
  'master-turned': () => ['Aucun ancien secret maître n’est plus nécessaire', 'Retirez REMPART_SECRET_KEY_PREVIOUS.'],
  'master-lost': ({ count }) => [
    `${count} valeurs sont sous un autre secret maître que REMPART_SECRET_KEY`,
    'Mettez l’ancien dans REMPART_SECRET_KEY_PREVIOUS et lancez rempart keys rewrap.',
  ],
  'guard-alone': () => [
    'REMPART_GUARD_STORE vaut memory : chaque processus compte pour lui seul',
    'Avec plusieurs processus, laissez auto.',
  ],
  'redis-ok': () => ['Redis répond et n’oublie aucun compteur'],
  'redis-finding': ({ finding }) => [`Redis : ${finding}`],
  'redis-away': ({ message }) => [
    `Redis est inutilisable : ${message}`,
    'Vérifiez REMPART_REDIS_URL ; d’ici là, chaque règle décide selon son onStoreFailure.',
  ],
  'smtp-ok': ({ server }) => [`Le serveur de courriel ${server} prend nos courriels`],
  'smtp-mailbox': () => [
    'Pas de serveur de courriel : ils vont dans la boîte du répertoire de données (rempart mailbox)',
  ],
  'smtp-none': () => [
    'Pas de serveur de courriel : ils n’atteignent personne',
    'Réglez REMPART_SMTP_URL et REMPART_MAIL_FROM.',
  ],
  'smtp-away': ({ server, code }) => [
    `Le serveur de courriel ${server} est inutilisable (${code})`,
    'Vérifiez hôte et port de REMPART_SMTP_URL, le pare-feu et son certificat.',
  ],
  'smtp-refused': ({ server, code }) => [
    `Le serveur de courriel ${server} refuse l’identification (${code})`,
    'Vérifiez utilisateur et mot de passe de REMPART_SMTP_URL.',
  ],
}

/** What the doctor says. */
export const doctorWords: Words = language === 'fr' ? fr : en

const command = {
  en: {
    about: 'check what an operator can get wrong: settings, database, Redis, mail, files, clocks',
    levels: { ok: 'ok', warn: 'warn', fail: 'fail' },
    summary: (counts: Readonly<Record<'ok' | 'warn' | 'fail', number>>) =>
      `${counts.ok} ok, ${counts.warn} to look at, ${counts.fail} failed`,
  },
  fr: {
    about: 'vérifie ce qu’un exploitant peut mal régler : réglages, base, Redis, courriel, fichiers, horloges',
    levels: { ok: 'bon', warn: 'à voir', fail: 'échec' },
    summary: (counts: Readonly<Record<'ok' | 'warn' | 'fail', number>>) =>
      `${counts.ok} bons, ${counts.warn} à voir, ${counts.fail} en échec`,
  },
}

/** What the command itself says. */
export const doctorCommandWords = command[language]
