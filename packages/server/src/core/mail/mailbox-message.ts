/** What a person wants to see of a mail. */
export interface ReadableMessage {
  /** RFC 3339. */
  readonly at: string
  readonly to: string
  readonly subject: string
  readonly text: string
}

/** Reads a message of our own making: two alternatives, the plain one first, in base64. It reads no other mail program's. */
export function readMessage(raw: string): ReadableMessage {
  const message = raw.replaceAll('\r\n', '\n')
  const header = message.slice(0, Math.max(0, message.indexOf('\n\n')))
  const date = new Date(field(header, 'Date'))
  return {
    at: Number.isNaN(date.getTime()) ? '' : date.toISOString(),
    to: field(header, 'To'),
    subject: decodeWords(field(header, 'Subject')),
    text: plainPart(message, header),
  }
}

function field(header: string, name: string): string {
  const unfolded = header.replaceAll(/\n[ \t]+/g, ' ')
  return new RegExp(`^${name}: (.*)$`, 'im').exec(unfolded)?.[1]?.trim() ?? ''
}

function plainPart(message: string, header: string): string {
  const boundary = /boundary="([^"]+)"/.exec(header)?.[1]
  const parts = boundary === undefined ? [message] : message.split(`--${boundary}`)
  const plain = parts.find((part) => /^Content-Type: text\/plain/im.test(part)) ?? ''
  const body = plain.slice(plain.indexOf('\n\n', 1) + 2)
  return /^Content-Transfer-Encoding: base64/im.test(plain) ? Buffer.from(body, 'base64').toString() : body
}

/** @see RFC 2047 §4: words of B and Q, with no space between two of them. */
function decodeWords(text: string): string {
  return text
    .replaceAll(/\?=\s+=\?/g, '?==?')
    .replaceAll(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_all, kind: string, word: string) =>
      kind.toLowerCase() === 'b' ? Buffer.from(word, 'base64').toString('latin1') : quoted(word),
    )
    .replaceAll(/[\u0080-\u00ff]+/g, (bytes) => Buffer.from(bytes, 'latin1').toString())
}

function quoted(word: string): string {
  return word
    .replaceAll('_', ' ')
    .replaceAll(/=([0-9A-F]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
