import { language } from '../words.ts'

const en = {
  gateway: 'guard a server in any language: decide each request by a policy file, and forward it or refuse it',
  upstream: 'the server behind, http://host:port',
  policy: 'policy file; what changes in it is in force at once',
  listen: 'where to take requests',
  trustedProxies: 'comma-separated addresses or CIDR blocks of proxies whose word about clients is taken',
  forwardedHeader: 'the header in which they give it',
  upstreamTimeout: 'seconds in which the server behind has to begin its answer',
  redis: 'count in this Redis, with every gateway that does; without a URL: the one of REMPART_REDIS_URL',
  drain: 'seconds in which requests in flight may end when the gateway stops',
  invalidListen: 'Expected host:port, such as 127.0.0.1:8080 or [::]:8080.',
  notInForce: (count: number) =>
    `${count === 1 ? 'One rule counts' : `${count} rules count`} by account, tenant or API key, which only the application knows: not in force here.`,
  answers: (url: string, upstream: string) => `The gateway answers at ${url}, in front of ${upstream}.`,
  inForce: (file: string, policies: number, version: string) =>
    `Policies in force: ${policies}, of ${file}, version ${version}.`,
  counted: (isShared: boolean): string =>
    isShared ? 'Counted in Redis, with the other gateways.' : 'Counted in the memory of this process.',
  first: 'To see what is told of the limits:',
  stop: 'To stop: Ctrl+C.',
}

const fr: typeof en = {
  gateway:
    'protège un serveur de tout langage : juge chaque requête selon un fichier de politiques, la transmet ou la refuse',
  upstream: 'le serveur en amont, http://hôte:port',
  policy: 'fichier de politiques ; ses changements s’appliquent aussitôt',
  listen: 'où recevoir les requêtes',
  trustedProxies: 'adresses ou blocs CIDR, séparés par des virgules, des proxys crus sur l’adresse des clients',
  forwardedHeader: 'l’en-tête dans lequel ils la donnent',
  upstreamTimeout: 'secondes laissées au serveur en amont pour commencer sa réponse',
  redis: 'compte dans ce Redis, avec toutes les passerelles qui le font ; sans URL : celui de REMPART_REDIS_URL',
  drain: 'secondes laissées aux requêtes en cours à l’arrêt',
  invalidListen: 'hôte:port attendu, comme 127.0.0.1:8080 ou [::]:8080.',
  notInForce: (count) =>
    `${count === 1 ? 'Une règle compte' : `${count} règles comptent`} par compte, locataire ou clé d’API, que seule l’application connaît : sans effet ici.`,
  answers: (url, upstream) => `La passerelle répond à ${url}, devant ${upstream}.`,
  inForce: (file, policies, version) => `Politiques en vigueur : ${policies}, de ${file}, version ${version}.`,
  counted: (isShared) =>
    isShared ? 'Compté dans Redis, avec les autres passerelles.' : 'Compté dans la mémoire de ce processus.',
  first: 'Pour voir ce qui est dit des limites :',
  stop: 'Pour arrêter : Ctrl+C.',
}

/** What `rempart gateway` says, in the language of the terminal. */
export const gatewayWords = language === 'fr' ? fr : en
