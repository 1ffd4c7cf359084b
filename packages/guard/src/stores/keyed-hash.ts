import { randomBytes } from 'node:crypto'

/**
 * A keyed 64-bit hash of a list of texts (HalfSipHash-1-3). Under a key drawn at random nobody
 * outside can choose texts that collide. Each text goes in behind its length, so that no two
 * different lists are hashed as the same sequence of words.
 *
 * @see https://github.com/veorq/SipHash
 */
export interface HashState {
  v0: number
  v1: number
  v2: number
  v3: number
}

/** A state under a fresh random key, to be copied and never advanced itself. */
export function createHashSeed(): HashState {
  const key = randomBytes(8)
  const k0 = key.readUInt32LE(0)
  const k1 = key.readUInt32LE(4)
  // The second word's 0xee is what the 64-bit output asks for.
  return { v0: k0 | 0, v1: (k1 ^ 0xee) | 0, v2: (0x6c796765 ^ k0) | 0, v3: (0x74656462 ^ k1) | 0 }
}

/** Copies a state, so that a common beginning is hashed once. */
export function copyHashState(from: HashState): HashState {
  return { v0: from.v0, v1: from.v1, v2: from.v2, v3: from.v3 }
}

/**
 * Advances a state by one text, its length first. Four units go in a word where all are below 256, as in nearly all
 * keys: the last word is then the text's last four, also those that the word before has had. Where one is not, or
 * where there are fewer than four, two go in a word, behind the complement of the length.
 */
export function absorbText(state: HashState, text: string): void {
  const { length } = text
  if (length < 4 || isWide(text)) {
    absorbWide(state, text)
    return
  }
  absorbWord(state, length)
  for (let position = 0; position < length; position += 4) {
    const place = Math.min(position, length - 4)
    const low = text.charCodeAt(place) | (text.charCodeAt(place + 1) << 8)
    absorbWord(state, low | (text.charCodeAt(place + 2) << 16) | (text.charCodeAt(place + 3) << 24))
  }
}

function isWide(text: string): boolean {
  for (let position = 0; position < text.length; position += 1) if (text.charCodeAt(position) > 0xff) return true
  return false
}

function absorbWide(state: HashState, text: string): void {
  absorbWord(state, ~text.length)
  for (let position = 0; position < text.length; position += 2) {
    const second = position + 1 < text.length ? text.charCodeAt(position + 1) << 16 : 0
    absorbWord(state, text.charCodeAt(position) | second)
  }
}

function absorbWord(state: HashState, word: number): void {
  state.v3 ^= word
  mix(state, 1)
  state.v0 ^= word
}

/** Ends the hash in place; the two words of the result, signed, are then in `v0` and `v1`. */
export function finishHash(state: HashState): void {
  state.v2 ^= 0xee
  mix(state, 3)
  const high = state.v1 ^ state.v3
  state.v1 ^= 0xdd
  mix(state, 3)
  const low = state.v1 ^ state.v3
  state.v0 = high
  state.v1 = low
}

function mix(state: HashState, rounds: number): void {
  let { v0, v1, v2, v3 } = state
  for (let round = 0; round < rounds; round += 1) {
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
  }
  state.v0 = v0
  state.v1 = v1
  state.v2 = v2
  state.v3 = v3
}

/**
 * The hash of one text behind what a state has taken in: {@link absorbText} and {@link finishHash} on a copy, with the
 * state in registers throughout, as nearly every request needs one. Its words are `v0` and `v1` of `to`.
 */
export function hashText(from: HashState, text: string, to: HashState): void {
  let { v0, v1, v2, v3 } = from
  const { length } = text
  const last = length - 4
  if (last < 0) {
    hashWide(from, text, to)
    return
  }
  let word = length
  for (let position = 0; ; position += 4) {
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
    if (position >= length) break
    // biome-ignore lint/complexity/useMathMinMax: it is what the inner loop of every request does.
    const place = position < last ? position : last
    const first = text.charCodeAt(place)
    const second = text.charCodeAt(place + 1)
    const third = text.charCodeAt(place + 2)
    const fourth = text.charCodeAt(place + 3)
    if ((first | second | third | fourth) > 0xff) {
      hashWide(from, text, to)
      return
    }
    word = first | (second << 8) | (third << 16) | (fourth << 24)
  }
  v2 ^= 0xee
  for (let round = 0; round < 3; round += 1) {
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
  }
  to.v0 = v1 ^ v3
  v1 ^= 0xdd
  for (let round = 0; round < 3; round += 1) {
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
  }
  to.v1 = v1 ^ v3
}

function hashWide(from: HashState, text: string, to: HashState): void {
  Object.assign(to, from)
  absorbWide(to, text)
  finishHash(to)
}
