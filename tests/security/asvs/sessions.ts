import { met, notApplicable, type Requirement, serverTests, testsOf } from './requirement.ts'

const accessToken = serverTests('core/tokens/access-token')
const apiKeys = serverTests('modules/api-keys/api-keys')
const auth = serverTests('modules/auth/auth')
const lifetimes = serverTests('modules/sessions/lifetimes')
const matrix = serverTests('isolation/endpoint-matrix')
const mfa = serverTests('modules/mfa/mfa')
const oauth = serverTests('modules/oauth/oauth')
const opaque = serverTests('core/credentials/opaque-token')
const passkeys = serverTests('modules/passkeys/passkeys')
const passwordReset = serverTests('modules/password-reset/password-reset')
const sessions = serverTests('modules/sessions/sessions')
const staffSessions = serverTests('modules/sessions/staff')
const stepUp = serverTests('modules/mfa/step-up')
const users = serverTests('modules/users/users')

const noServer = 'Rempart signs its own people in and is no authorization server for other applications.'

/** Sessions; who may do what. */
export const sessionsAndAccess: readonly Requirement[] = [
  met(
    '7.2.1',
    auth('is dead for its access token the moment it is signed out'),
    accessToken('remembers nothing that was refused'),
  ),
  met(
    '7.2.2',
    accessToken(
      'is a JWT of RFC 9068 that says whose session it is of, and nothing of roles, permissions or the person',
    ),
  ),
  met('7.2.3', opaque('are 256 random bits behind their letters, and are known again by their hash')),
  met(
    '7.2.4',
    stepUp(
      'makes an old session a fresh one of the second level, under another id',
      'opens what asks for a fresh proof, in a session of its own that ends when the old one would have',
    ),
    serverTests('modules/mfa/sign-in')(
      'opens one session with the second factor shown, under an id of its own, on a device that is then known',
    ),
    passwordReset('asks for the present one, ends the other sessions and goes on with another'),
  ),
  met(
    '7.3.1',
    lifetimes(
      '%s is dead, with a token that has not expired and for a refresh',
      'is given a week with every refresh, and thirty days in all',
    ),
  ),
  met(
    '7.3.2',
    lifetimes(
      '%s is dead, with a token that has not expired and for a refresh',
      'is never lengthened by a refresh beyond its thirty days, nor is the token that it gives',
    ),
    serverTests('modules/tenants/own-tenant')(
      'ends sessions that a shorter life does not allow, those that are there too, and of this tenant alone',
    ),
  ),
  met(
    '7.4.1',
    auth('is dead for its access token the moment it is signed out'),
    sessions('end one by one, at once and in every process (class 4)'),
  ),
  met('7.4.2', users('by %s ends every session and every link at once')),
  met(
    '7.4.3',
    mfa(
      'ends the other sessions when that is asked for, and not otherwise',
      'takes a right code, and ends the other sessions and the sign-ins under way',
    ),
    passwordReset('asks for the present one, ends the other sessions and goes on with another'),
    passkeys('ends every other session, is told, and makes the passkey unknown'),
  ),
  met(
    '7.4.5',
    staffSessions(
      'end all of them at once and in every process, with the sign-ins under way, and leave the account on',
      'class 38: end none of who may do more, and nobody does who may not write accounts',
    ),
    users('by %s ends every session and every link at once'),
  ),
  met(
    '7.5.1',
    serverTests('modules/email-change/email-change')(
      'class 27: takes a fresh proof, and no other route writes an address',
    ),
    mfa('is not for who found an old session open'),
    passkeys('asks for a fresh proof, and for the second factor of who has one'),
  ),
  met(
    '7.5.2',
    sessions(
      'are listed newest first, with where each is and which one is asking',
      'end another one with a fresh proof only, and the one that asks with an old one too',
      'end all others, or all, with a fresh proof only',
    ),
  ),
  met(
    '7.6.1',
    oauth(
      'is of a session that is no concern of the provider: it ends here alone, and goes on without one',
      'lets nobody in who was on the way, nor with a link that was made before',
    ),
    lifetimes('is given a week with every refresh, and thirty days in all'),
  ),
  met(
    '7.6.2',
    oauth('is the browser’s that started it'),
    auth('refuses to sign a visitor in from another page'),
    serverTests('modules/invitations/invitations')(
      'lets the person it was mailed to make an account with its role, and signs nobody in',
    ),
  ),

  met(
    '8.2.1',
    auth('opens what the roles of its person grant, and nothing else'),
    serverTests('architecture')('says who may call it, by a permission that can be given'),
    testsOf('tests/security/bad-input')('asks for its credential'),
    apiKeys(
      'every operation on accounts, factors, sessions, keys, the audit and personal data refuses the strongest key',
    ),
  ),
  met(
    '8.2.2',
    matrix(
      'answers %s about an id of another tenant byte for byte as about one that nobody has',
      'knows every id that an operation takes: a new one without an entry fails here',
    ),
    sessions('a session of somebody else (class 34)'),
    passkeys('takes a fresh proof, and finds one of somebody else as little as one that nobody has'),
  ),
  met(
    '8.2.3',
    users('takes nothing that decides who one is or what one may do (class 27)'),
    testsOf('tests/acceptance/s2-public-forms')(
      'keeps score and outcome for staff where the form does not expose them',
    ),
    serverTests('modules/resources/resources')('keeps the deleted ones for a key that reads resources'),
  ),
  met(
    '8.3.1',
    apiKeys('no session, whoever the body names: 401', 'what the maker loses later, the key loses with the next call'),
    auth('loses what an expired role granted to the second'),
    serverTests('modules/roles/roles')('privilege escalation by roles (class 38)'),
  ),
  met(
    '8.4.1',
    serverTests('database/isolation')('holds for both serving roles against every attack on every table'),
    matrix('answers %s about an id of another tenant byte for byte as about one that nobody has'),
    serverTests('database/mutation')('a damaged schema'),
    serverTests('core/access/identify')('the tenant of a call with a key'),
  ),
]

/** Self-contained tokens; OAuth and OpenID Connect. */
export const tokensAndProviders: readonly Requirement[] = [
  met(
    '9.1.1',
    accessToken('class 10: the algorithm is not the attacker’s to choose', 'class 12: one token has one spelling'),
  ),
  met('9.1.2', accessToken('class 10: the algorithm is not the attacker’s to choose')),
  met(
    '9.1.3',
    accessToken('takes no key from the token, nor fetches one', 'finds keys by name in its own table alone'),
  ),
  met('9.2.1', accessToken('ends to the millisecond, remembered or not', 'refuses times that no token of ours has')),
  met(
    '9.2.2',
    accessToken('class 14: no other token is an access token'),
    auth('is nothing but a refresh token'),
    opaque('class 14: are accepted for their own purpose only'),
  ),
  met('9.2.3', accessToken('refuses another issuer or audience, however near')),
  met(
    '9.2.4',
    accessToken(
      'refuses another issuer or audience, however near',
      'is a JWT of RFC 9068 that says whose session it is of, and nothing of roles, permissions or the person',
    ),
  ),

  met(
    '10.1.1',
    auth('has its tokens in host cookies that no script reads, and not in the body'),
    oauth('is never somewhere with tokens in its address'),
    serverTests('modules/oauth/oidc-provider')('leaves no code, state or token of it in a log line'),
  ),
  met('10.1.2', oauth('class 30: a flow', 'asks with PKCE S256, a state and a nonce, and for the code alone')),
  met(
    '10.2.1',
    oauth(
      'is refused with a code of another flow, whose verifier it does not have',
      'is the browser’s that started it',
    ),
  ),
  met(
    '10.2.2',
    oauth(
      'is the provider’s that it was started with',
      'is refused without the issuer that its provider promises',
      'is refused %s',
    ),
  ),
  met('10.3.1', accessToken('refuses another issuer or audience, however near')),
  met(
    '10.3.2',
    auth(
      'opens what the roles of its person grant, and nothing else',
      'is of one tenant: named with another it is refused',
    ),
  ),
  met(
    '10.3.3',
    accessToken(
      'is a JWT of RFC 9068 that says whose session it is of, and nothing of roles, permissions or the person',
      'refuses another issuer or audience, however near',
    ),
    users('come back after a deletion, unless somebody else has the address by then'),
  ),
  met(
    '10.3.4',
    auth('does not do what asks for a fresh proof once its own is ten minutes old'),
    serverTests('modules/mfa/requirement')(
      'can do nothing but set one up, on any route there is, until they have (class 20)',
    ),
    stepUp('takes the second factor too from who has one: neither proof does alone'),
  ),
  notApplicable('10.4.1', noServer),
  notApplicable('10.4.2', noServer),
  notApplicable('10.4.3', noServer),
  notApplicable('10.4.4', noServer),
  met(
    '10.4.5',
    auth(
      'ends its session when it comes back after its successor was used',
      'ends its session when it comes back later than ten seconds',
      'gives one successor to fifty at once, and they all get that one',
    ),
  ),
  notApplicable('10.4.6', noServer),
  notApplicable('10.4.7', noServer),
  met('10.4.8', lifetimes('is never lengthened by a refresh beyond its thirty days, nor is the token that it gives')),
  met(
    '10.4.9',
    sessions(
      'end one by one, at once and in every process (class 4)',
      'end all others, or all, with a fresh proof only',
    ),
  ),
  notApplicable('10.4.10', noServer),
  notApplicable('10.4.11', noServer),
  met(
    '10.5.1',
    oauth('is refused %s', 'comes back once: a replayed answer, and a replayed code under another state, are refused'),
  ),
  met(
    '10.5.2',
    oauth(
      'is the issuer and the subject: the same subject of another issuer is somebody else',
      'is not the provider: a second subject there is somebody else',
    ),
  ),
  met('10.5.3', oauth('a provider whose metadata are of another issuer lets nobody in')),
  met('10.5.4', oauth('is refused with %s')),
  notApplicable('10.5.5', 'No provider can sign somebody out here: there is no back-channel logout.'),
  notApplicable('10.6.1', noServer),
  notApplicable('10.6.2', noServer),
  notApplicable('10.7.1', noServer),
  notApplicable('10.7.2', noServer),
  notApplicable('10.7.3', noServer),
]
