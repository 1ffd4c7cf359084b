import { met, notApplicable, notMet, partly, type Requirement, serverTests, testsOf } from './requirement.ts'

const audit = serverTests('modules/audit/audit')
const classification = serverTests('database/classification')
const exposure = serverTests('core/answer/exposure')
const fields = serverTests('core/request/doubled-fields')
const hasher = serverTests('core/credentials/password-hasher')
const hibp = serverTests('core/credentials/hibp')
const identify = serverTests('core/access/identify')
const json = serverTests('core/body/json-body')
const logging = serverTests('core/logging/logging')
const opaque = serverTests('core/credentials/opaque-token')
const outbound = serverTests('core/outbound/outbound')
const publicFetch = serverTests('core/outbound/public-fetch')
const requestLog = serverTests('core/request/log')
const roles = serverTests('database/roles')
const rules = testsOf('tests/security/source-rules')
const sealing = serverTests('core/credentials/sealing')
const secretStores = serverTests('secret-stores/read-config')
const signingKeys = serverTests('core/tokens/signing-keys')
const smtp = serverTests('core/mail/smtp-settings')
const users = serverTests('modules/users/users')

/** Cryptography; secure communication; configuration. */
export const cryptographyAndConfiguration: readonly Requirement[] = [
  partly(
    '11.2.1',
    'Everything that guards a secret is node:crypto, jose or bcrypt; the guard’s tables in memory spread their keys with a HalfSipHash of our own.',
    hasher('reads what other Argon2id libraries write'),
    serverTests('core/secrets')('is HKDF-SHA256 with an empty salt, which any other implementation gives too'),
    rules('encrypts with AES-256-GCM alone, and in one file'),
  ),
  partly(
    '11.2.2',
    'Every key can be replaced and what is sealed be sealed anew, and passwords move to another cost or hash at the next sign-in; another cipher or another signature takes a new release.',
    serverTests('master-key/rewrap')(
      'seals every kind of value anew: the former secret opens none of them after, and is not needed',
    ),
    signingKeys('mid-flight: every process signs with the new key, and tokens of the old one live on'),
    hasher('lets people in whose hash has a cost that nobody named, and asks for a new hash'),
  ),
  partly(
    '11.2.3',
    'Keys of signatures, seals and tokens have it; the hash of the guard’s tables in memory has a key of 64 bits, drawn anew at each start, and guards no secret.',
    opaque('are 256 random bits behind their letters, and are known again by their hash'),
    rules('makes keys of one kind alone: Ed25519', 'encrypts with AES-256-GCM alone, and in one file'),
  ),
  met('11.3.1', rules('encrypts with AES-256-GCM alone, and in one file')),
  met('11.3.2', rules('encrypts with AES-256-GCM alone, and in one file'), sealing('take a fresh nonce each time')),
  met(
    '11.3.3',
    sealing(
      'refuse a value with any bit flipped, cut anywhere, or lengthened, all with the same words',
      'bind any two different lists apart',
    ),
  ),
  met('11.4.1', rules('hashes with SHA-256; with SHA-1 only where another side names what it hashes')),
  met(
    '11.4.2',
    hasher('makes a PHC string of the default cost, and knows the password again'),
    rules('stretches passwords with Argon2id, or verifies imported bcrypt; PBKDF2 is a proof of work alone'),
  ),
  met(
    '11.4.3',
    rules('hashes with SHA-256; with SHA-1 only where another side names what it hashes'),
    audit('is found out, whatever was done to it'),
  ),
  notApplicable('11.4.4', 'No key is made of a password: the master secret has to be random.'),
  partly(
    '11.5.1',
    'Tokens, keys and links have 256 random bits; a recovery code, which is typed by hand, has 115.',
    opaque('are 256 random bits behind their letters, and are known again by their hash'),
    serverTests('core/access/api-key-token')('is drawn from all letters alike'),
    rules('draws nothing from a predictable generator but the length of pauses'),
  ),
  met(
    '11.6.1',
    rules('makes keys of one kind alone: Ed25519'),
    serverTests('core/tokens/access-token')('refuses RS256, ES256 and another Ed25519 key under the name of ours'),
  ),

  partly(
    '12.2.1',
    'TLS ends at the proxy in front, which no test has; behind an https URL nothing is answered in the clear but the health check and, with their token, the metrics.',
    exposure(
      'sends the reader of a page to https, and nobody else',
      'refuses a call of the API in the clear, so that who sent a key that way notices: %s',
    ),
    serverTests('core/answer/security-headers')('promises HTTPS for a year only where the public URL is https'),
  ),
  partly(
    '12.3.1',
    'Webhooks, providers and secret stores are spoken to over https alone, and mail as the operator requires; PostgreSQL, Redis and what stands behind the gateway may be reached in the clear if their URL says so.',
    publicFetch('is https, and nothing else'),
    smtp('is not done without where it is required: neither password nor mail goes out in the clear'),
    secretStores('must be asked over https in production'),
  ),
  met(
    '12.3.2',
    smtp('is not done with a server that cannot prove its name'),
    rules('never leaves the certificate of another server unlooked at'),
  ),

  partly(
    '13.2.1',
    'Each role of the database has an account of its own; its password changes when the operator changes it.',
    testsOf('tests/system/external-database')(
      'gets its roles from the script of `rempart database init`, which may run twice',
      'is not served from with a wrong password, and the message does not repeat it',
    ),
  ),
  met(
    '13.2.2',
    roles(
      'hold no attribute but the right to log in, whatever they held before',
      '%s owns nothing, creates nothing and becomes nobody',
    ),
    serverTests('database/catalogue')(
      'has no table, key, index, grant, function, view or role that isolation could leak through',
    ),
  ),
  met(
    '13.2.3',
    serverTests('doctor/examine')(
      'tells secrets that anybody would try first, which production refuses, and repeats none of them',
    ),
    roles('sets the passwords it is given, and no other'),
  ),
  partly(
    '13.2.4',
    'Services are those that the operator names, and a redirect leads nowhere else; webhooks and providers may be at any public address that staff type in.',
    publicFetch('is no name that resolves to an address inside, which is judged as it is connected to'),
    hibp('does not follow a redirect: the service must not choose whom the server talks to'),
  ),
  partly(
    '13.3.1',
    'Secrets are read from a store where the operator has one; otherwise the master secret is a file that its owner alone may read. No test looks for secrets in the source.',
    secretStores(
      'are read by their names, with the store’s own credential',
      'cannot send its token elsewhere: a redirect is not followed',
    ),
    serverTests('core/secrets')('makes a strong secret that only its owner reads, and gives the same one from then on'),
  ),
  met('13.4.1', exposure('the files of the machine')),
  met(
    '13.4.2',
    exposure('an error that nobody foresaw'),
    serverTests('core/browser/cors')('does not start in production'),
  ),
  met('13.4.3', exposure('the files of the machine')),
  met('13.4.4', serverTests('core/request/protocol')('does not echo the credential of a TRACE')),
  met(
    '13.4.5',
    serverTests('modules/metrics/metrics')(
      'is not there without a configured token',
      'refuses a guesser after sixty tries a minute',
    ),
    exposure('the files of the machine'),
  ),
]

/** Data; code and architecture; logs and errors. */
export const dataAndLogs: readonly Requirement[] = [
  partly(
    '14.2.1',
    'Credentials are taken from header fields and bodies, and links carry theirs behind the #; whether a link to a new password is good can also be asked with the token in the path, which is kept out of logs, caches and referrers.',
    serverTests('core/access/auth')('is asked for when there is none, and not taken from the address'),
    serverTests('core/mail/templates')('carries its token in the fragment of one link, whole, and nowhere else'),
    serverTests('modules/password-reset/password-reset')(
      'says of a link only whether it is good, keeps it from caches and referrers, and out of every log line',
    ),
  ),
  met(
    '14.2.2',
    serverTests('core/answer/exposure')(
      'no answer to a credential is kept by a browser or a cache, lists, single things and refusals alike',
    ),
  ),

  met(
    '14.2.3',
    hibp('lets five hexadecimal digits leave the process, and asks for padding'),
    serverTests('core/guard/signals')('tells the service no address that no rule asks about, and no private one'),
    serverTests('modules/webhooks/webhooks')(
      'is told nothing personal unless it asks, and nothing that is gone when it is sent',
    ),
    testsOf('tests/browser/account')('may not be framed, and load nothing from elsewhere'),
  ),
  met(
    '14.2.4',
    classification(
      'knows every column of the database, and no other',
      'says of each column about a person what becomes of it, and why where it stays',
    ),
    serverTests('modules/sessions/sessions')('keep address and User-Agent out of every table in the clear'),
    serverTests('modules/privacy/nothing-left')(
      'is nowhere: not in any column of any table, in no file, in no log line, and in no audit entry',
    ),
    serverTests('jobs/retention')(
      'forgets sessions a month after their end, with their tokens, and tokens a day after theirs',
    ),
    logging('personal data and secrets'),
  ),
  met('14.3.1', serverTests('modules/sessions/sessions')('take the cookies of a browser away with the session')),
  met(
    '14.3.2',
    serverTests('core/answer/exposure')(
      'no answer to a credential is kept by a browser or a cache, lists, single things and refusals alike',
    ),
  ),

  partly(
    '15.1.2',
    'The lockfile names every package with its version and hash; no bill of materials is published.',
    rules('every package of the lockfile has one version, and its hash unless it is for another platform'),
  ),
  notMet('15.2.1', 'No time is set within which a package with a known fault must be replaced, and nothing checks it.'),
  met(
    '15.2.2',
    serverTests('core/credentials/hash-queue')(
      'refuses at once what is over the queue, without starting it, and says when to come back',
    ),
    json('is judged in linear time: %s'),
    serverTests('database/reads')('are cut off one by one by the statement timeout'),
    testsOf('tests/faults/flood-memory')('grow the process by no more than the budget and its own working memory'),
  ),
  partly(
    '15.2.3',
    'Only the guard is built without its tests; the server runs from its source, tests beside it, none of which can be reached.',
    testsOf('tests/system/guard-package')('passes publint without a word, and holds no source and no test'),
    exposure('the files of the machine'),
  ),
  met(
    '15.3.1',
    serverTests('modules/keys/keys')('shows the public parts of the active and the next key, and nothing else of them'),
    serverTests('modules/forms/definition/describe-public')(
      'never tells points, rules or what leads to an outcome (exposeScore: %s)',
    ),
    serverTests('modules/oauth/oauth')('lists what is on, and no secret of it'),
    serverTests('modules/api-keys/api-keys')('is shown once, works, and is kept without its secret'),
  ),
  met(
    '15.3.2',
    publicFetch('leads nowhere else: a redirect is an answer and is not followed'),
    hibp('does not follow a redirect: the service must not choose whom the server talks to'),
    serverTests('modules/webhooks/sender')('follows no redirect'),
    secretStores('cannot send its token elsewhere: a redirect is not followed'),
  ),
  met(
    '15.3.3',
    users(
      'takes nothing that decides who one is or what one may do (class 27)',
      'take no member that would make them more (class 27)',
    ),
    serverTests('architecture')('names its members and refuses others'),
  ),
  met(
    '15.3.4',
    testsOf('tests/acceptance/s0-public-api')(
      'when nobody in front is trusted: what it writes in its header fields gains nothing',
      'as told by a trusted proxy: two clients have two counters, and a browser has none of its own',
    ),
    testsOf('packages/gateway/src/forwarding')('speaks for its clients: each is counted, and told as one hop'),
    testsOf('packages/guard/src/client-address')(
      'is the right-most hop that is not a trusted proxy, never the first entry a client wrote',
    ),
  ),
  met('15.3.5', serverTests('core/body/validation')('is taken as it is: no text becomes a number, no number a text')),
  met(
    '15.3.6',
    serverTests('modules/forms/definition/evaluate')('reads nothing from a prototype'),
    json('agrees with JSON.parse on every document that has nothing forbidden, and refuses the others'),
  ),
  met(
    '15.3.7',
    json('refuses a name that comes twice at any depth, however it is escaped'),
    identify('a header that comes twice'),
    fields('refuses %j'),
    serverTests('modules/forms/hosted/hosted')(
      'reads a field that came twice as none of both, and says so at the field',
    ),
  ),

  met(
    '16.2.1',
    requestLog('writes one line of JSON with the fields that have a value, and nothing else'),
    audit('is each sign-in with its outcome, for staff alone, and each sign-out'),
    serverTests('modules/security-events/security-events')(
      'is an event of the tenant, with its rule, its client’s prefix and the request’s id, and nothing personal',
    ),
  ),
  partly(
    '16.2.2',
    'Every time is written in UTC; keeping the clocks of machines together is left to whoever runs them.',
    logging('is one JSON object with its level in words and its time in RFC 3339'),
  ),
  met(
    '16.2.4',
    logging(
      'is one JSON object with its level in words and its time in RFC 3339',
      'gets JSON when it is no terminal, even where pretty lines are asked for, and loses none at exit',
    ),
    requestLog('keeps %j in one line of JSON that says the same'),
  ),
  met(
    '16.2.5',
    logging('personal data and secrets'),
    serverTests('core/access/auth')('never gets into the log'),
    testsOf('tests/acceptance/s0-public-api')('the log holds no personal data'),
  ),
  met(
    '16.3.1',
    audit('is each sign-in with its outcome, for staff alone, and each sign-out'),
    serverTests('modules/mfa/record')(
      'leaves an entry in the audit log of every change, every session and every code that was refused a sign-in',
    ),
  ),
  met(
    '16.3.2',
    exposure(
      'a refusal for want of a permission is in the log, with its reason',
      'says whose credential it was that may not: the id of a person, and nothing else of them',
      'says the same of a key, of a credential that was sent to another tenant, and of who was let in',
    ),
    audit('class 35: is a credential that was sent to another tenant, in the log of its own'),
  ),
  met(
    '16.3.3',
    serverTests('modules/security-events/security-events')(
      'is an event of the tenant, with its rule, its client’s prefix and the request’s id, and nothing personal',
      'are events too: a challenge, what a shadow rule would have refused, and an alert',
    ),
    serverTests('modules/metrics/metrics')('counts clients that went away, and bytes that are no request'),
    audit('class 1: is a refresh token that comes back, with the session that it ended'),
  ),
  met(
    '16.3.4',
    exposure('an error that nobody foresaw'),
    serverTests('core/mail/sender')(
      'sends when a server that was down is up again, and says so once, without an address',
    ),
    outbound('leaves a service alone that failed too often, shows it, and comes back to it with one call'),
  ),
  met(
    '16.4.1',
    logging(
      'cannot be forged, whatever a visitor puts in a value, a name or a text',
      'gets lines for people on a terminal, which a value still cannot forge or colour',
    ),
    audit('class 44: holds as many lines as entries whatever a User-Agent, an address or a value holds'),
  ),
  partly(
    '16.4.2',
    'The audit log is written once, shown to who may read it, and gives away who edited it; the lines of the process go to standard output, and who keeps them protects them.',
    audit(
      'is neither written, changed, emptied nor truncated by %s',
      'show who cut entries off the end, or cut them off and wrote others, or forged a head',
      'is for who may read it, and never for an API key',
    ),
  ),
  met(
    '16.5.1',
    exposure('an error that nobody foresaw'),
    testsOf('tests/acceptance/s0-public-api')('a refusal is neutral'),
  ),
  met(
    '16.5.2',
    outbound('leaves a service alone that failed too often, shows it, and comes back to it with one call'),
    hibp('lets the person go on when nobody listens'),
    testsOf('tests/faults/guard-shared')(
      'answers within the deadline, as each policy says, while PostgreSQL is frozen, and goes on without a restart',
    ),
    testsOf('tests/system/redis-guard')('serve on and say so when Redis freezes, and count in it again when it thaws'),
  ),
  met(
    '16.5.3',
    serverTests('core/guard/guard')('a closed rule whose store does not answer'),
    serverTests('database/tenant')('does not commit when the work hides the failure of a statement'),
    hasher('says so to the operator, and lets nobody in, when the key of a stored hash is gone'),
  ),
]
