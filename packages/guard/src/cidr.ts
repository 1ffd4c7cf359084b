import { type Family, formatAddress, parseAddress } from './ip-address.ts'

/** A block of addresses of one family. */
export interface Cidr {
  readonly family: 4 | 6
  /** The block's first address. */
  readonly words: Uint32Array
  /** The bits that decide, one mask for each word. */
  readonly masks: Uint32Array
}

/** What reading a block gives, or why it is refused. */
export type CidrReading =
  | { readonly ok: true; readonly cidr: Cidr }
  | { readonly ok: false; readonly message: string; readonly suggestion?: string }

/**
 * Reads `203.0.113.0/24`, `2001:db8::/32` or one address. A block of IPv4 written as IPv6
 * (`::ffff:10.0.0.0/104`) is that IPv4 block. Bits set beyond the prefix are refused: the author
 * meant either another block or one address.
 */
export function readCidr(text: unknown): CidrReading {
  if (typeof text !== 'string') return { ok: false, message: 'must be an address or a CIDR block, as text' }
  const slash = text.indexOf('/')
  const addressText = slash < 0 ? text : text.slice(0, slash)
  const words = new Uint32Array(4)
  const family = parseAddress(addressText, words)
  const bits = prefixLength(family, addressText, slash < 0 ? undefined : text.slice(slash + 1))
  if (family === 0 || bits < 0) {
    return { ok: false, message: `"${text.slice(0, 60)}" is neither an address nor a CIDR block` }
  }
  const masks = prefixMasks(family, bits)
  const first = words.map((word, index) => (word & (masks[index] ?? 0)) >>> 0)
  if (first.some((word, index) => word !== words[index])) {
    const message = `"${text}" has bits set beyond its prefix`
    return { ok: false, message, suggestion: `${formatAddress(family, first)}/${bits}` }
  }
  return { ok: true, cidr: { family, words, masks } }
}

/** Whether the address lies in one of the blocks. Compares families first: `::/0` holds no IPv4 client. */
export function isInBlocks(blocks: readonly Cidr[], family: Family, words: Uint32Array): boolean {
  for (const block of blocks) {
    if (block.family === family && isInBlock(block, words)) return true
  }
  return false
}

function isInBlock(block: Cidr, words: Uint32Array): boolean {
  for (let index = 0; index < 4; index += 1) {
    if (((words[index] ?? 0) & (block.masks[index] ?? 0)) >>> 0 !== block.words[index]) return false
  }
  return true
}

/** The prefix length within the family, or -1. Without a suffix the block is one address. */
function prefixLength(family: Family, address: string, suffix: string | undefined): number {
  const width = family === 4 ? 32 : 128
  if (suffix === undefined) return width
  if (!/^(0|[1-9]\d{0,2})$/.test(suffix)) return -1
  const writtenInIpv6 = family === 4 && address.includes(':')
  const bits = Number(suffix) - (writtenInIpv6 ? 96 : 0)
  return bits >= 0 && bits <= width ? bits : -1
}

function prefixMasks(family: 4 | 6, bits: number): Uint32Array {
  const masks = new Uint32Array(4)
  const firstWord = family === 4 ? 3 : 0
  for (let index = firstWord; index < 4; index += 1) {
    const inWord = Math.min(32, Math.max(0, bits - (index - firstWord) * 32))
    // A shift by 32 is a shift by 0 in JavaScript.
    masks[index] = inWord === 0 ? 0 : 0xffffffff << (32 - inWord)
  }
  return masks
}
