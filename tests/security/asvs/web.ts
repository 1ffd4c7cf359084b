import { met, notApplicable, type Requirement, serverTests, testsOf } from './requirement.ts'

const auth = serverTests('modules/auth/auth')
const cookies = serverTests('core/browser/cookies')
const cors = serverTests('core/browser/cors')
const exposure = serverTests('core/answer/exposure')
const headers = serverTests('core/answer/security-headers')
const hosted = serverTests('modules/forms/hosted/hosted')
const leadExport = serverTests('modules/leads/export')
const oauth = serverTests('modules/oauth/oauth')
const onTheWire = exposure('protects browsers with every answer, pages, files and refusals alike')
const oneCookie = testsOf('tests/security/source-rules')(
  'cookies are made in one place, which gives each its prefix and its attributes',
)
const protocol = serverTests('core/request/protocol')
const publicApi = testsOf('tests/acceptance/s0-public-api')

const noFiles = 'No operation takes a file.'

/** The browser; the API as HTTP; files. */
export const webAndFiles: readonly Requirement[] = [
  met(
    '3.2.1',
    headers(
      'is the API having nothing to run or to load',
      'stops sniffing, and has neither X-XSS-Protection nor a name in capitals',
    ),
    leadExport('has a column for each field, and reads in a spreadsheet'),
    onTheWire,
  ),
  met('3.3.1', cookies('has what the prefix asks for: Secure, the root path and no domain'), oneCookie),
  met('3.3.2', auth('has its tokens in host cookies that no script reads, and not in the body'), oneCookie),
  met('3.3.3', cookies('has what the prefix asks for: Secure, the root path and no domain'), oneCookie),
  met('3.3.4', auth('has its tokens in host cookies that no script reads, and not in the body'), oneCookie),
  met('3.4.1', headers('promises HTTPS for a year only where the public URL is https'), onTheWire),
  met(
    '3.4.2',
    cors(
      'of an origin its tenant or the operator lists may be read by the page, and no other',
      'is no listed one, for a request or a preflight',
      'does not start in production',
    ),
  ),
  met('3.4.3', headers('starts from nothing, and never allows inline code, evaluation or any origin'), onTheWire),
  met(
    '3.4.4',
    headers('stops sniffing, and has neither X-XSS-Protection nor a name in capitals'),
    onTheWire,
    protocol('a request that is no HTTP, or more than one reading of it'),
  ),
  met('3.4.5', headers('is the referrer, which a form keeps for itself so that its POST has an Origin'), onTheWire),
  met(
    '3.4.6',
    headers(
      'is framing: nobody frames the API, the docs, the console or a form without sites',
      'and the sites of a form frame it, which X-Frame-Options would forbid',
    ),
    testsOf('tests/browser/hosted-form')('is not shown to a site that nobody listed'),
    onTheWire,
  ),
  met(
    '3.5.1',
    auth('changes nothing for a page of another origin', 'refuses to sign a visitor in from another page'),
    serverTests('modules/passkeys/sign-in')('is begun and completed by a page of ours alone'),
    hosted('from another site'),
  ),
  met(
    '3.5.2',
    auth('changes nothing for a page of another origin'),
    protocol('of two types, or of none, is answered 415'),
  ),
  met(
    '3.5.3',
    publicApi('takes no message by %s'),
    protocol('%s changes nothing'),
    oauth('for a link is not started by going there'),
  ),
  met('3.7.2', oauth('class 33: where the browser goes')),

  met(
    '4.1.1',
    exposure('says of every body what it is, and in which alphabet'),
    serverTests('modules/keys/keys')('shows the public parts of the active and the next key, and nothing else of them'),
    hosted('is a whole page that works without a script, and that nobody stores'),
    protocol('a request that is no HTTP, or more than one reading of it'),
  ),
  met(
    '4.1.2',
    exposure(
      'sends the reader of a page to https, and nobody else',
      'refuses a call of the API in the clear, so that who sent a key that way notices: %s',
    ),
  ),
  met(
    '4.1.3',
    publicApi(
      'when nobody in front is trusted: what it writes in its header fields gains nothing',
      'as told by the last line of the header, in the one header that is configured',
    ),
    testsOf('packages/gateway/src/forwarding')('is the client, whatever it writes, and nothing of it goes on'),
    exposure('believes nobody but a trusted proxy that a request came over TLS'),
  ),
  met(
    '4.2.1',
    protocol(
      'a request that is no HTTP, or more than one reading of it',
      'reads no more than the length that was announced',
    ),
    testsOf('packages/gateway/src/smuggling')('where a request ends is never in doubt'),
    testsOf('packages/gateway/src/answers')('an answer that two readers could read in two ways is none'),
  ),

  notApplicable('5.2.1', `${noFiles} A body ends at 1 MB.`),
  notApplicable('5.2.2', noFiles),
  notApplicable('5.2.3', `${noFiles} A compressed body is refused.`),
  notApplicable('5.3.1', noFiles),
  met('5.3.2', exposure('the files of the machine')),
  met('5.4.1', leadExport('has a column for each field, and reads in a spreadsheet')),
  met(
    '5.4.2',
    leadExport('has a column for each field, and reads in a spreadsheet'),
    serverTests('modules/forms/forms')('refuses %j'),
  ),
  notApplicable('5.4.3', noFiles),
]
