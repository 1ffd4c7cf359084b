/** The word at a place; 0 behind the end. */
export function wordAt(words: Int32Array, at: number): number {
  return words[at] ?? 0
}

/** Adds one to a word. */
export function addOne(words: Int32Array, at: number): void {
  words[at] = (words[at] ?? 0) + 1
}

/** Adds one to a word where something holds. */
export function addWhere(words: Int32Array, at: number, holds: boolean): void {
  if (holds) addOne(words, at)
}

/** Sets bits of a word. */
export function setBits(words: Int32Array, at: number, bits: number): void {
  words[at] = (words[at] ?? 0) | bits
}
