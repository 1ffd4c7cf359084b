import { met, notApplicable, partly, type Requirement, serverTests, testsOf } from './requirement.ts'

const attempts = serverTests('modules/mfa/attempts')
const auth = serverTests('modules/auth/auth')
const breached = serverTests('modules/registration/breached')
const documents = testsOf('tests/system/documents')
const hasher = serverTests('core/credentials/password-hasher')
const invitations = serverTests('modules/invitations/invitations')
const lostFactor = serverTests('modules/mfa/reset')
const oauth = serverTests('modules/oauth/oauth')
const opaque = serverTests('core/credentials/opaque-token')
const passwordReset = serverTests('modules/password-reset/password-reset')
const passwordRule = serverTests('core/credentials/password-rule')
const people = testsOf('packages/cli/src/people')
const recovery = serverTests('core/credentials/recovery-code')
const replay = serverTests('modules/mfa/replay')
const rules = testsOf('tests/security/source-rules')
const settings = serverTests('modules/tenants/own-tenant')

/** Authentication. */
export const authentication: readonly Requirement[] = [
  met(
    '6.2.1',
    passwordRule('accepts exactly 12 and exactly 128 code points'),
    settings('cannot loosen what the installation asks'),
  ),
  met('6.2.2', passwordReset('asks for the present one, ends the other sessions and goes on with another')),
  met('6.2.3', passwordReset('asks for the present one, ends the other sessions and goes on with another')),
  met(
    '6.2.4',
    passwordRule('holds the several thousand that everybody tries first, at every length a tenant may allow'),
    serverTests('modules/registration/registration')(
      'refuses an address that could pass for another, and a password that will not do',
    ),
  ),
  partly(
    '6.2.5',
    'Nothing is asked of a password but its length, unless a tenant wants several kinds of characters: it may.',
    passwordRule('asks for kinds of characters where the tenant does'),
    settings('asks of new passwords what the tenant of their person asks'),
  ),
  partly(
    '6.2.8',
    'Nothing is cut off, trimmed or folded, but the two ways in which keyboards write é count as one (NFC).',
    hasher(
      'takes two passwords for two that differ after 1000 characters, after a NUL, or in a broken character',
      'takes both ways of writing é for one password, and no other change',
      'lets nobody in with the first 72 bytes of a long password, nor with anything after them',
    ),
  ),
  met('6.2.9', passwordRule('accepts exactly 12 and exactly 128 code points')),
  met(
    '6.2.10',
    serverTests('modules/sessions/lifetimes')(
      'a password of ten years ago signs its person in and asks for no new one',
    ),
  ),
  met(
    '6.2.11',
    passwordRule('refuses %s to Ada Lovelace of Acme Forge'),
    documents('lists every word that makes a password easy to guess for its person, and each is refused'),
  ),
  met(
    '6.2.12',
    breached('a password of a known leak is refused at a registration and at a change, and another is taken'),
    serverTests('core/credentials/hibp')('tells how often a password was breached, and which was not'),
  ),
  met(
    '6.3.1',
    auth(
      'asks an account that was failed at three times for a proof, whether or not there is such an account',
      'verifies no more than the ladder lets through when a hundred guesses come at once',
      'lets a device that has signed in before in while strangers have locked themselves out',
    ),
    serverTests('modules/auth/warnings')(
      'asks a client for a proof of work that has failed at twenty accounts in ten minutes',
    ),
  ),
  met('6.3.2', people('the link that the first start shows makes the first owner, once, and nobody once there is one')),
  partly(
    '6.3.3',
    'Passkeys are two factors in one, and a second factor can be required of one person or of a whole tenant; until somebody requires it, a password alone signs in.',
    serverTests('modules/mfa/requirement')('restricts the next sign-in of who has none, and of nobody else'),
    serverTests('modules/passkeys/sign-in')('opens a session of the second level, without an address or a password'),
  ),
  met(
    '6.3.4',
    attempts('find no way round the lock on any path, with the right code (class 17)'),
    oauth('class 7: who has a second factor is asked for it, and nothing of the answer opens anything'),
    serverTests('architecture')('is in the OpenAPI document, or says why not; and the document has no other'),
  ),
  met(
    '6.4.1',
    invitations(
      'gets its first password by the link of its mail, once',
      'is worth nothing once it is revoked, replaced or over (class 36)',
    ),
    people('get a link without one, which alone is printed on standard output and is good once'),
  ),
  met('6.4.2', rules('no question, hint or answer to a question stands in for a password')),
  met(
    '6.4.3',
    lostFactor('class 26: is asked for by who knows the password alone, and a new password is no way round it'),
    passwordReset('changes the password with the link of a mail, ends every session and starts none'),
  ),
  met(
    '6.4.4',
    lostFactor(
      'goes a day after its owner has confirmed it by mail, at the next sign-in with the password',
      'opens no session by itself, and none without the password',
    ),
  ),
  met(
    '6.5.1',
    replay(
      'a code of an authenticator app is good once (class 19)',
      'as a recovery code is, over two processes at once',
    ),
  ),
  met(
    '6.5.2',
    recovery(
      'makes ten different codes of 23 letters in five groups, none of which can be mistaken for another',
      'uses every letter of the alphabet about as often',
    ),
  ),
  met(
    '6.5.3',
    rules('draws nothing from a predictable generator but the length of pauses'),
    serverTests('core/credentials/totp')('gives an app the URI it expects, and 160 bits'),
    recovery('uses every letter of the alphabet about as often'),
  ),
  met(
    '6.5.4',
    recovery('makes ten different codes of 23 letters in five groups, none of which can be mistaken for another'),
    opaque('are 256 random bits behind their letters, and are known again by their hash'),
  ),
  partly(
    '6.5.5',
    'A challenge lives five minutes; but a code of an app is taken one step of 30 s early or late too, for clocks that drift, and the link that gives a lost factor up lives half an hour.',
    serverTests('core/credentials/totp')(
      'says which step a code is of: the present one, one earlier, one later, and no further',
    ),
    serverTests('modules/mfa/sign-in')('is worth nothing once it has expired, with the right code (class 8)'),
  ),
  met(
    '6.6.2',
    passwordReset('is bound to its person: the newest link alone is good, once, and not after another change'),
    lostFactor('class 31: takes each link once, and none of another kind'),
    serverTests('modules/passkeys/sign-in')(
      'takes no challenge that was given out for something else, nor one of its answerer’s making',
    ),
  ),
  notApplicable('6.6.3', 'No code is sent to anybody: a mail carries a link with 256 random bits.'),
  met('6.8.1', oauth('class 29: who an identity is')),
  met('6.8.2', oauth('is refused with %s')),
  notApplicable('6.8.3', 'There is no SAML.'),
  met(
    '6.8.4',
    oauth(
      'counts as one factor and as made now, whatever the provider says of it',
      'class 7: who has a second factor is asked for it, and nothing of the answer opens anything',
    ),
  ),
]
