/** Counts distinct texts in 16 KiB, with a standard error of 0.8 %. */
export interface DistinctCounter {
  add(text: string): void
  estimate(): number
}

const BITS = 14
const REGISTERS = 1 << BITS

/**
 * Creates a counter of distinct texts (HyperLogLog, with linear counting where most registers are empty).
 *
 * @see Flajolet et al., "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007.
 */
export function createDistinctCounter(): DistinctCounter {
  const registers = new Uint8Array(REGISTERS)
  return {
    add(text) {
      const high = hashText(text, 0x2545f491)
      const low = hashText(text, 0x9e3779b9)
      const register = high >>> (32 - BITS)
      const rank = Math.clz32(low) + 1
      if (rank > (registers[register] ?? 0)) registers[register] = rank
    },
    estimate() {
      let sum = 0
      let empty = 0
      for (const rank of registers) {
        sum += 2 ** -rank
        if (rank === 0) empty += 1
      }
      const raw = ((0.7213 / (1 + 1.079 / REGISTERS)) * REGISTERS * REGISTERS) / sum
      if (raw <= 2.5 * REGISTERS && empty > 0) return Math.round(REGISTERS * Math.log(REGISTERS / empty))
      return Math.round(raw)
    },
  }
}

function hashText(text: string, seed: number): number {
  let hash = seed
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x85ebca6b)
    hash ^= hash >>> 13
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
