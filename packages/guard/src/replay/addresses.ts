import {
  type AddressResolver,
  type ClientAddress,
  createAddressResolver,
  parseClientAddress,
} from '../client-address.ts'
import { addBytes, createByteCache, findBytes } from './byte-cache.ts'
import { CLIENT_WORDS, type ClientTable, GENERATION } from './clients.ts'
import type { LogLine } from './log-line.ts'
import { wordAt } from './words.ts'

/** Finds the clients of lines by the bytes of their addresses. */
export interface AddressReader {
  /** The client of a line, or -1 where its address is none. */
  find(bytes: Buffer, view: DataView, line: LogLine): number
}

/** Client numbers take 18 bits; 13 bits of the client's generation tell whether the number is still the same client's. */
const CLIENT_MASK = 0x3ffff
const GENERATION_MASK = 0x1fff
const GENERATION_SHIFT = 18

const FIRST_SETS = 1_024
const MOST_SETS = 32_768
const WAYS = 4
const SET_WORDS = 8

/**
 * Creates a reader.
 *
 * @param clientOf - The number of an address that no cache knows.
 */
export function createAddressReader(
  table: ClientTable,
  clientOf: (address: ClientAddress) => number,
  trustedProxies: readonly string[],
): AddressReader {
  /** IPv4 addresses as numbers: four of them and their clients in half a line of the processor's cache; 0 is none. */
  let sets = new Int32Array(FIRST_SETS * SET_WORDS)
  let hands = new Uint8Array(FIRST_SETS)
  let setMask = FIRST_SETS - 1
  const texts = createByteCache(32_768, 48)
  const resolve: AddressResolver | undefined =
    trustedProxies.length === 0 ? undefined : createAddressResolver({ trustedProxies, header: 'x-forwarded-for' })

  /** What is remembered of a client: its number, and its generation to tell when the number is another's. */
  const remembered = (client: number): number => {
    const generation = wordAt(table.words, client * CLIENT_WORDS + GENERATION) & GENERATION_MASK
    return client | (generation << GENERATION_SHIFT)
  }
  const recall = (value: number): number => {
    if (value < 0) return -1
    const client = value & CLIENT_MASK
    const generation = wordAt(table.words, client * CLIENT_WORDS + GENERATION) & GENERATION_MASK
    return generation === value >>> GENERATION_SHIFT ? client : -1
  }
  const parse = (bytes: Buffer, line: LogLine): ClientAddress | undefined =>
    parseClientAddress(bytes.toString('latin1', line.addressStart, Math.min(line.addressEnd, line.addressStart + 128)))

  const recallIpv4 = (first: number, ipv4: number): number => {
    for (let way = first; way < first + WAYS; way += 1) {
      if (sets[way] !== ipv4) continue
      const client = recall(wordAt(sets, way + WAYS))
      if (client >= 0) return client
    }
    return -1
  }
  /** Keeps the table as dense as it can be, for the processor's cache; what it forgets comes back by itself. */
  const growFor = (clients: number): void => {
    const count = setMask + 1
    if (clients <= count * 2 || count === MOST_SETS) return
    sets = new Int32Array(count * 2 * SET_WORDS)
    hands = new Uint8Array(count * 2)
    setMask = count * 2 - 1
  }
  const findIpv4 = (bytes: Buffer, line: LogLine, ipv4: number): number => {
    const set = (Math.imul(ipv4, 0x9e3779b1) >>> 17) & setMask
    const first = set * SET_WORDS
    const known = recallIpv4(first, ipv4)
    if (known >= 0) return known
    const address = parse(bytes, line)
    if (address === undefined) return -1
    const client = clientOf(address)
    const hand = hands[set] ?? 0
    hands[set] = (hand + 1) % WAYS
    sets[first + hand] = ipv4
    sets[first + WAYS + hand] = remembered(client)
    growFor(table.size)
    return client
  }

  const findText = (bytes: Buffer, view: DataView, line: LogLine): number => {
    const known = findBytes(texts, view, line.addressStart, line.addressEnd, 0)
    const recalled = recall(known)
    if (recalled >= 0) return recalled
    const { hash } = texts
    const address = parse(bytes, line)
    if (address === undefined) return -1
    const client = clientOf(address)
    texts.hash = hash
    addBytes(texts, view, line.addressStart, line.addressEnd, 0, remembered(client))
    return client
  }

  return {
    find(bytes, view, line) {
      if (resolve !== undefined && line.forwardedEnd > line.forwardedStart) {
        const peer = parse(bytes, line)
        if (peer === undefined) return -1
        const forwarded = bytes.toString('latin1', line.forwardedStart, line.forwardedEnd)
        return clientOf(resolve(peer.text, { 'x-forwarded-for': forwarded }))
      }
      const ipv4 = readIpv4(bytes, line.addressStart, line.addressEnd)
      return ipv4 === NOT_IPV4 ? findText(bytes, view, line) : findIpv4(bytes, line, ipv4)
    },
  }
}

/** 0.0.0.0 is nobody's address, and is read as a text. */
const NOT_IPV4 = 0

/** The 32 bits of a dotted IPv4; {@link NOT_IPV4} for anything else, and for octets with a leading zero. */
function readIpv4(bytes: Buffer, start: number, end: number): number {
  if (end - start > 15) return NOT_IPV4
  let value = 0
  let octet = 0
  let digits = 0
  let dots = 0
  for (let position = start; position < end; position += 1) {
    const digit = digitAt(bytes, position)
    if (digit <= 9) {
      octet = octet * 10 + digit
      digits += 1
    } else {
      if (digit !== DOT_DIGIT || !isOctet(octet, digits)) return NOT_IPV4
      value = (value << 8) | octet
      octet = 0
      digits = 0
      dots += 1
    }
  }
  return dots === 3 && isOctet(octet, digits) ? (value << 8) | octet : NOT_IPV4
}

/** A byte as a digit, unsigned: above 9 for none. */
function digitAt(bytes: Buffer, position: number): number {
  return ((bytes[position] ?? 0) - 48) & 0xff
}

/** A dot as a digit. */
const DOT_DIGIT = 254

function isOctet(octet: number, digits: number): boolean {
  // Two digits make ten or more, three a hundred: what is less has a leading zero.
  if (digits === 2) return octet >= 10
  return digits === 3 ? octet >= 100 && octet <= 255 : digits === 1
}
