/** A rate with a burst written the slow way: fractions of units, kept exactly, earned back as time passes. */
export function createNaiveBurst(figures: {
  readonly burst: number
  /** Microseconds in which one unit is earned back. */
  readonly intervalUs: bigint
}): (
  nowMs: number,
  cost: number,
) => { readonly admitted: boolean; readonly remaining: number; readonly waitMs: number } {
  const { burst, intervalUs } = figures
  const full = BigInt(burst) * intervalUs
  /** Microseconds' worth of units at hand. */
  let level = full
  let lastUs = 0n

  return (nowMs, cost) => {
    const nowUs = BigInt(nowMs) * 1_000n
    level = min(full, level + (nowUs - lastUs))
    lastUs = nowUs
    const wanted = BigInt(cost) * intervalUs
    const admitted = wanted <= level
    const missing = admitted ? 0n : wanted - level
    if (admitted) level -= wanted
    return {
      admitted,
      remaining: Number(level / intervalUs),
      waitMs: wanted > full ? Infinity : Number((missing + 999n) / 1_000n),
    }
  }
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
