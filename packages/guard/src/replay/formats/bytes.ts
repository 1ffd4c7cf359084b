/** The bytes that logs are punctuated with. */
export const SPACE = 32
export const QUOTE = 34
export const DASH = 45
export const QUESTION = 63
export const BACKSLASH = 92

/** The place of a byte between two places, or -1. */
export function findByte(bytes: Buffer, byte: number, start: number, end: number): number {
  for (let position = start; position < end; position += 1) {
    if (bytes[position] === byte) return position
  }
  return -1
}

/** The place of the quote that closes a text, those behind a backslash passed over, or -1. */
export function closingQuote(bytes: Buffer, view: DataView, start: number, end: number): number {
  const quote = findQuote(bytes, view, start, end)
  // Nearly every text is free of backslashes at its end.
  return quote > start && bytes[quote - 1] === BACKSLASH ? escapedQuote(bytes, start, end) : quote
}

/** The place of the next quote, or -1. Four bytes are looked at in one: texts are long, and a call into Node costs more. */
function findQuote(bytes: Buffer, view: DataView, start: number, end: number): number {
  let position = start
  for (; position + 4 <= end; position += 4) {
    const others = view.getInt32(position, true) ^ 0x22222222
    // The lowest bit that remains is that of the first byte equal to a quote.
    const found = (others - 0x01010101) & ~others & 0x80808080
    if (found !== 0) return position + ((31 - Math.clz32(found & -found)) >> 3)
  }
  return findByte(bytes, QUOTE, position, end)
}

function escapedQuote(bytes: Buffer, start: number, end: number): number {
  for (let position = start; position < end; position += 1) {
    const byte = bytes[position]
    if (byte === QUOTE) return position
    if (byte === BACKSLASH) position += 1
  }
  return -1
}

/** A whole number written with exactly the digits between two places, or -1. At most nine digits. */
export function readDigits(bytes: Buffer, start: number, end: number): number {
  let value = 0
  if (end <= start || end - start > 9) return -1
  for (let position = start; position < end; position += 1) {
    const digit = (bytes[position] ?? 0) - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

/** An HTTP status between two places, 0 for a dash or 000 (the connection ended first), or -1. */
export function readStatus(bytes: Buffer, start: number, end: number): number {
  if (end - start === 1 && bytes[start] === DASH) return 0
  if (end - start !== 3) return -1
  const status = readDigits(bytes, start, end)
  return status === 0 || (status >= 100 && status <= 999) ? status : -1
}
