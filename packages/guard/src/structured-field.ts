/**
 * Serialises an RFC 9651 string: printable ASCII between quotes, with `"` and `\` escaped. It is the
 * only way a name of a policy reaches a header.
 *
 * @throws RangeError for a character the field cannot hold, line ends among them.
 * @see RFC 9651 §4.1.6
 */
export function serializeString(text: string): string {
  if (!/^[\x20-\x7e]*$/.test(text)) throw new RangeError('A structured field string holds printable ASCII only')
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}
