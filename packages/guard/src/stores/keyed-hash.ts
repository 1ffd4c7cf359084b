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

/** Advances a state by one text, its length first. */
export function absorbText(state: HashState, text: string): void {
  let { v0, v1, v2, v3 } = state
  const { length } = text
  // Position -2 stands for the length; every other step takes two UTF-16 units.
  for (let position = -2; position < length; position += 2) {
    const word = position < 0 ? length : text.charCodeAt(position) | secondUnit(text, position + 1, length)
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
  }
  state.v0 = v0
  state.v1 = v1
  state.v2 = v2
  state.v3 = v3
}

/** Ends the hash in place; the two words of the result, signed, are then in `v0` and `v1`. */
export function finishHash(state: HashState): void {
  state.v2 ^= 0xee
  finalRounds(state)
  const high = state.v1 ^ state.v3
  state.v1 ^= 0xdd
  finalRounds(state)
  const low = state.v1 ^ state.v3
  state.v0 = high
  state.v1 = low
}

function secondUnit(text: string, position: number, length: number): number {
  return position < length ? text.charCodeAt(position) << 16 : 0
}

function finalRounds(state: HashState): void {
  let { v0, v1, v2, v3 } = state
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
  state.v0 = v0
  state.v1 = v1
  state.v2 = v2
  state.v3 = v3
}
