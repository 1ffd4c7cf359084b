import { met, notApplicable, type Requirement, serverTests, testsOf } from './requirement.ts'

const architecture = serverTests('architecture')
const account = serverTests('core/credentials/email-address')
const badInput = testsOf('tests/security/bad-input')
const csv = serverTests('modules/leads/csv')
const docs = serverTests('core/openapi/docs')
const evaluate = serverTests('modules/forms/definition/evaluate')
const gates = serverTests('modules/gates/gates')
const headers = serverTests('core/answer/security-headers')
const hosted = serverTests('modules/forms/hosted/hosted')
const json = serverTests('core/body/json-body')
const mails = serverTests('core/mail/templates')
const publicFetch = serverTests('core/outbound/public-fetch')
const rules = testsOf('tests/security/source-rules')
const submit = serverTests('modules/leads/submit')
const webhookTarget = serverTests('modules/webhooks/target')

/** Encoding and sanitisation; validation and business logic. */
export const encodingAndValidation: readonly Requirement[] = [
  met(
    '1.1.1',
    account('is settled after one pass: what it answers, it answers again, and it is ASCII'),
    serverTests('core/guard/policy-set')('cannot be chosen by another spelling of the path'),
    json('reads a name by what it says, whatever names stood in its place before'),
    serverTests('modules/forms/hosted/urlencoded-body')('reads whatever a browser writes'),
  ),
  met(
    '1.1.2',
    hosted('escapes whatever it repeats, wherever it stands'),
    docs('escapes values and keeps markup'),
    testsOf('packages/guard/src/replay/report/report')('escapes whatever is put in it, in texts and in attributes'),
  ),
  met(
    '1.2.1',
    hosted(
      'escapes whatever it repeats, wherever it stands',
      'escapes every text of the definition, and shows markup as text',
    ),
    docs('shows what an author writes as text, whatever it is'),
    mails('starts no header, no recipient and no element: %j'),
    headers('cannot be changed by the one who sends it, nor split a response'),
  ),
  met(
    '1.2.2',
    serverTests('modules/resources/resources')(
      'takes no address but of http and https, without a user name: not %s',
      'stores an address in its canonical form',
    ),
    serverTests('core/credentials/totp')('lets no name add a parameter, a script or an over-long code'),
    serverTests('core/mail/outbox')(
      'refuses an address that could start a header or name a second recipient, and a token that could leave its link',
    ),
  ),
  met(
    '1.2.3',
    testsOf('tests/browser/hosted-form')('runs nothing that a definition or a visitor slips in'),
    serverTests('core/request/log')('keeps %j in one line of JSON that says the same'),
    docs('shows what an author writes as text, whatever it is'),
  ),
  met(
    '1.2.4',
    serverTests('database/reads')('puts nothing into the text through a value', 'writes nothing, whatever is called'),
    serverTests('database/roles')('cannot be broken out of by a name or a password'),
    badInput('answers any path parameter and any query'),
  ),
  met(
    '1.2.5',
    rules(
      'is never given to a shell: programs are started with a list of arguments, and by the embedded database alone',
    ),
  ),
  notApplicable('1.2.7', 'Nothing reads XML, so there is no XPath.'),
  met('1.2.9', rules('from outside never becomes a regular expression')),
  met(
    '1.3.2',
    rules('is never run as code'),
    headers('starts from nothing, and never allows inline code, evaluation or any origin'),
  ),
  met(
    '1.3.3',
    csv('never begins a formula, whatever the text, the separator and the reader'),
    testsOf('packages/cli/src/intake')(
      'lists, shows and deletes contact messages, and shows no character that would act on the terminal',
    ),
    mails('is one line of bounded length, whatever it was'),
  ),
  notApplicable('1.3.4', 'Nobody can hand in an image. The one SVG that is served, a QR code, is drawn here.'),
  met(
    '1.3.5',
    hosted('escapes every text of the definition, and shows markup as text'),
    docs('shows what an author writes as text, whatever it is'),
    serverTests('modules/leads/export')('keeps a formula that a visitor typed from running'),
  ),
  met(
    '1.3.6',
    publicFetch(
      'is no name that resolves to an address inside, which is judged as it is connected to',
      'is https, and nothing else',
      'leads nowhere else: a redirect is an answer and is not followed',
    ),
    webhookTarget('is never %s'),
  ),
  met(
    '1.3.7',
    mails('starts no header, no recipient and no element: %j', 'places no link of theirs in an invitation'),
    hosted('escapes every text of the definition, and shows markup as text'),
  ),
  met('1.3.10', serverTests('core/logging/logging')('reads no directive of a format in a text')),
  met(
    '1.3.11',
    serverTests('core/mail/outbox')(
      'refuses an address that could start a header or name a second recipient, and a token that could leave its link',
    ),
    mails('starts no header, no recipient and no element: %j'),
  ),
  met(
    '1.4.2',
    architecture('bounds its texts, lists and numbers, at any depth'),
    serverTests('core/body/validation')('reads numbers from digits, and nothing else'),
    badInput('that fits by chance is never an error of ours'),
  ),
  notApplicable('1.5.1', 'Nothing reads XML.'),
  met(
    '1.5.2',
    json('agrees with JSON.parse on every document that has nothing forbidden, and refuses the others'),
    evaluate('reads nothing from a prototype'),
    serverTests('modules/forms/definition-file')('follows no alias, so that a few lines cannot stand for gigabytes'),
  ),

  met(
    '2.2.1',
    architecture('names its members and refuses others', 'bounds its texts, lists and numbers, at any depth'),
    badInput('that does not fit the schema is refused, and stores nothing'),
  ),
  met(
    '2.2.2',
    badInput('that does not fit the schema is refused, and stores nothing'),
    hosted('takes the last word of the server on what does not apply: it is neither asked for nor stored'),
    submit('is never believed in place of a required token'),
  ),
  met(
    '2.2.3',
    evaluate('requires a field once it is shown', 'hides what hangs on a hidden field, though that field was answered'),
    serverTests('modules/forms/definition/check-definition')('finds the same name twice and bounds reversed'),
    serverTests('modules/roles/roles')('refuses an end that is past'),
  ),
  met(
    '2.3.1',
    serverTests('modules/mfa/sign-in')('has given nothing that authenticates anything (class 7)'),
    serverTests('modules/mfa/requirement')(
      'can do nothing but set one up, on any route there is, until they have (class 20)',
    ),
    serverTests('modules/oauth/oauth')(
      'is the browser’s that started it',
      'is the provider’s that it was started with',
    ),
    submit('refuses a token of the future, of another form, of another tenant, altered or missing'),
  ),
  met(
    '2.3.2',
    submit('stores exactly fifty of 250 sent at once, and tells the public no figure'),
    gates('is exact while places are freed and the capacity moves'),
    serverTests('modules/passkeys/passkeys')('ends at twenty, also for two at once'),
    serverTests('core/mail/outbox')(
      'lets 3 of 50 parallel requests send, however the address is written, and tells the requests nothing',
    ),
  ),
  met(
    '2.3.3',
    serverTests('database/tenant')(
      'keeps nothing of work that throws, and passes the error on as it is',
      'does not commit when the work hides the failure of a statement',
    ),
    serverTests('modules/audit/audit')('forgets an entry with the act that was rolled back, and leaves no gap'),
    testsOf('tests/faults/nothing-lost')(
      'no acknowledged lead is lost or doubled when Node, PostgreSQL or both are killed twenty times under load',
    ),
  ),
  met(
    '2.3.4',
    gates('is exact when two servers take 200 at once: 125 have a place, 75 wait in a row, none is lost or doubled'),
    testsOf('tests/system/gate-race')(
      'gives 125 places to 200 who come at once to two processes on one database, and lets the others wait in a row',
    ),
    submit('stores exactly fifty of 250 sent at once, and tells the public no figure'),
  ),
  met(
    '2.4.1',
    architecture('that changes something is limited, and so is every one that asks for a credential'),
    testsOf('tests/acceptance/s0-public-api')('admits no more than 3 of thirty that come at once'),
    serverTests('modules/forms/hosted/challenge')('is taken with the proof in its address, once'),
  ),
]
