/**
 * IP addresses as four 32-bit words. IPv4 lives in the last word. Every way of writing one IPv4
 * address inside IPv6 (mapped, compatible, NAT64) is that IPv4 address, so that no client gains a
 * second identity by its spelling.
 */

/** 4 or 6, and 0 for what is not an address. */
export type Family = 0 | 4 | 6

/** No textual address is longer: 45 characters, and room for a zone id. */
const MAX_ADDRESS_LENGTH = 128

/**
 * Reads an address into `words` (four elements), and says its family.
 *
 * Refused: octal, hexadecimal or shortened IPv4, which other software reads as another address.
 * A zone id (`%eth0`) is dropped.
 *
 * @see RFC 4291 §2.2, RFC 6052 §2.1 for the textual and the embedded forms.
 */
export function parseAddress(text: string, words: Uint32Array): Family {
  if (text.length > MAX_ADDRESS_LENGTH) return 0
  if (text.includes(':')) return parseIpv6(text, words)
  const ipv4 = parseIpv4(text, 0, text.length)
  if (ipv4 < 0) return 0
  words.fill(0)
  words[3] = ipv4
  return 4
}

/** Writes the canonical text: dotted IPv4, or IPv6 in lower case with its longest run of zeros shortened. @see RFC 5952 */
export function formatAddress(family: 4 | 6, words: Uint32Array): string {
  return family === 4 ? formatIpv4(words[3] ?? 0) : formatIpv6(words)
}

/** The text of the IPv6 block of `bits` bits that an address lies in, such as `2001:db8:1::/48`. */
export function blockOfAddress(text: string, bits: number): string {
  const words = new Uint32Array(4)
  parseAddress(text, words)
  for (let index = 0; index < 4; index += 1) {
    const kept = Math.min(32, Math.max(0, bits - index * 32))
    // A shift by 32 is a shift by 0 in JavaScript.
    words[index] = kept === 0 ? 0 : (words[index] ?? 0) & (0xffffffff << (32 - kept))
  }
  return `${formatIpv6(words)}/${bits}`
}

/** The 32-bit value of a dotted IPv4 between two positions, or -1. */
function parseIpv4(text: string, start: number, end: number): number {
  if (end - start < 7 || end - start > 15) return -1
  let value = 0
  let position = start
  for (let part = 0; part < 4; part += 1) {
    const partEnd = part === 3 ? end : text.indexOf('.', position)
    const octet = partEnd < 0 || partEnd > end ? -1 : parseOctet(text, position, partEnd)
    if (octet < 0) return -1
    value = value * 256 + octet
    position = partEnd + 1
  }
  return value
}

function parseOctet(text: string, start: number, end: number): number {
  const length = end - start
  if (length < 1 || length > 3) return -1
  // A leading zero is octal to some readers and decimal to others.
  if (length > 1 && text.charCodeAt(start) === 48) return -1
  let octet = 0
  for (let position = start; position < end; position += 1) {
    const digit = text.charCodeAt(position) - 48
    if (digit < 0 || digit > 9) return -1
    octet = octet * 10 + digit
  }
  return octet > 255 ? -1 : octet
}

const groups = new Uint16Array(8)

function parseIpv6(text: string, words: Uint32Array): Family {
  const zone = text.indexOf('%')
  const end = zone < 0 ? text.length : zone
  if (zone >= 0 && !/^%[\w.~-]+$/.test(text.slice(zone))) return 0
  if (!readGroups(text, end)) return 0
  for (let word = 0; word < 4; word += 1) {
    words[word] = (groups[word * 2] ?? 0) * 65_536 + (groups[word * 2 + 1] ?? 0)
  }
  return reduceEmbedded(words)
}

/** Fills `groups` from the text before `end`. */
function readGroups(text: string, end: number): boolean {
  const gap = text.indexOf('::')
  if (gap < 0) return readRun(text, 0, end, 0, 8) === 8
  if (text.indexOf('::', gap + 1) >= 0) return false
  groups.fill(0)
  const head = gap === 0 ? 0 : readRun(text, 0, gap, 0, 7)
  if (head < 0) return false
  const tailStart = gap + 2
  if (tailStart === end) return true
  const tail = readRun(text, tailStart, end, head, 7)
  if (tail < 0) return false
  // The run was read right behind the head; its place is at the end.
  groups.copyWithin(8 - (tail - head), head, tail)
  groups.fill(0, head, 8 - (tail - head))
  return true
}

/** Reads groups separated by colons from `index` on; the index behind the last one, or -1. */
function readRun(text: string, start: number, end: number, index: number, maxIndex: number): number {
  let position = start
  let next = index
  while (position < end) {
    const colon = text.indexOf(':', position)
    const groupEnd = colon < 0 || colon > end ? end : colon
    const taken = readGroup(text, position, groupEnd, groupEnd === end, next, maxIndex)
    if (taken === 0) return -1
    next += taken
    position = groupEnd + 1
    if (groupEnd < end && position === end) return -1
  }
  return next === index ? -1 : next
}

/** Reads one group, or two for a dotted tail; how many, 0 when it is neither. */
function readGroup(text: string, start: number, end: number, last: boolean, index: number, maxIndex: number): number {
  if (last && end - start > 4) {
    const ipv4 = index + 2 > maxIndex ? -1 : parseIpv4(text, start, end)
    if (ipv4 < 0) return 0
    groups[index] = ipv4 >>> 16
    groups[index + 1] = ipv4 & 0xffff
    return 2
  }
  if (index + 1 > maxIndex || end - start < 1 || end - start > 4) return 0
  let group = 0
  for (let position = start; position < end; position += 1) {
    const digit = hexDigit(text.charCodeAt(position))
    if (digit < 0) return 0
    group = group * 16 + digit
  }
  groups[index] = group
  return 1
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const lower = code | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

/** Turns an IPv6 address that carries an IPv4 one into that one. */
function reduceEmbedded(words: Uint32Array): 4 | 6 {
  const [first = 0, second = 0, third = 0, last = 0] = words
  const mapped = first === 0 && second === 0 && third === 0xffff
  // `::1` and its neighbours are IPv6: no host has an IPv4 address in 0.0.0.0/8.
  const compatible = first === 0 && second === 0 && third === 0 && last > 0xffffff
  const nat64 = first === 0x64ff9b && second === 0 && third === 0
  if (!(mapped || compatible || nat64)) return 6
  words.fill(0, 0, 3)
  return 4
}

function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}

function formatIpv6(words: Uint32Array): string {
  const parts: string[] = []
  for (const word of words) parts.push((word >>> 16).toString(16), (word & 0xffff).toString(16))
  const run = longestZeroRun(parts)
  if (run.length < 2) return parts.join(':')
  return `${parts.slice(0, run.start).join(':')}::${parts.slice(run.start + run.length).join(':')}`
}

function longestZeroRun(parts: readonly string[]): { start: number; length: number } {
  const longest = { start: 0, length: 0 }
  let length = 0
  for (const [index, part] of parts.entries()) {
    length = part === '0' ? length + 1 : 0
    if (length > longest.length) {
      longest.length = length
      longest.start = index - length + 1
    }
  }
  return longest
}
