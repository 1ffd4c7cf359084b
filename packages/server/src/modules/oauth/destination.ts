import { ProblemError } from '../../core/problem.ts'

/** A backslash is a slash to browsers, and no address needs white space or a control character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const misread = /[\\\s\u0000-\u001f\u007f]/
/** What could become the start of another host once somebody decodes it. */
const encodedStart = /^\/+(?:%2f|%5c|\/)/i

/**
 * Where a browser is sent once it has come back from a provider.
 *
 * @param next - a path of this server, or a whole address.
 * @param isAllowedOrigin - whether the tenant or this server lists the origin.
 * @returns the whole address, without a fragment.
 * @throws ProblemError `invalid-content` for any other address.
 */
export function destinationOf(next: string, publicUrl: string, isAllowedOrigin: (origin: string) => boolean): string {
  const url = misread.test(next) || next.startsWith('//') ? null : URL.parse(next, publicUrl)
  if (url === null || !isPlain(url) || !isAllowedOrigin(url.origin)) {
    throw new ProblemError('invalid-content', {
      errors: [{ pointer: 'next', code: 'origin', message: 'must be an address of an origin that is listed' }],
    })
  }
  url.hash = ''
  return url.href
}

function isPlain({ protocol, username, password, pathname }: URL): boolean {
  const isWeb = protocol === 'https:' || protocol === 'http:'
  return isWeb && username === '' && password === '' && !encodedStart.test(pathname)
}
