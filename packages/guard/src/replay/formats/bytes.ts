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
export function closingQuote(bytes: Buffer, start: number, end: number): number {
  // Nearly every text is free of backslashes at its end, and the native search is faster from some twenty bytes on.
  const quote = bytes.indexOf(QUOTE, start)
  if (quote < 0 || quote >= end) return -1
  return bytes[quote - 1] === BACKSLASH && quote > start ? escapedQuote(bytes, start, end) : quote
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
