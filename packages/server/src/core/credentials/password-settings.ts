import type { Parsed } from '../parsed.ts'
import { secretStrengthFault } from '../secrets.ts'
import { type Argon2Cost, argon2CostFault, isPepperId } from './password-hash-format.ts'
import type { PasswordHasherOptions, Pepper } from './password-hasher.ts'

const costShape = /^m=([1-9]\d{0,6}),t=([1-9]\d?),p=([1-8])$/

/** Costs of Argon2id as PHC strings write them, separated by spaces: `m=19456,t=2,p=1`. */
export function passwordCosts(raw: string): Parsed<readonly Argon2Cost[]> {
  const costs: Argon2Cost[] = []
  for (const [index, item] of raw.trim().split(/\s+/).entries()) {
    const [, memory, passes, lanes] = costShape.exec(item) ?? []
    const cost = { memoryKib: Number(memory), passes: Number(passes), parallelism: Number(lanes) }
    const fault = memory === undefined ? 'is written like m=19456,t=2,p=1' : argon2CostFault(cost)
    if (fault !== undefined) return { fault: `must be costs of Argon2id; of entry ${index + 1}: ${fault}` }
    costs.push(cost)
  }
  return { value: costs }
}

/** Peppers, `id:secret`, one on each line or separated by commas. A fault says which entry, and nothing of it. */
export function passwordPeppers(raw: string): Parsed<readonly Pepper[]> {
  const items = raw.split(/[\r\n]/.test(raw) ? /[\r\n]+/ : ',').map((item) => item.trim())
  const peppers: Pepper[] = []
  for (const [index, item] of items.filter((each) => each !== '').entries()) {
    const at = item.indexOf(':')
    const [id, secret] = [item.slice(0, Math.max(at, 0)), item.slice(at + 1)]
    const fault = faultOf(id, secret, peppers)
    if (fault !== undefined) return { fault: `must be peppers such as 2026:<secret>; entry ${index + 1} ${fault}` }
    peppers.push({ id, key: Buffer.from(secret) })
  }
  return { value: peppers }
}

function faultOf(id: string, secret: string, before: readonly Pepper[]): string | undefined {
  if (!isPepperId(id)) return 'has no name of 1 to 8 letters, digits, _ or -'
  if (before.some((pepper) => pepper.id === id)) return 'has the name of another one'
  return secretStrengthFault(secret)
}

/**
 * How passwords are hashed, as it is configured: the first of each list is for new hashes, those behind it are for what may
 * still be stored.
 */
export function hasherOptions(configured: {
  readonly costs: readonly Argon2Cost[]
  readonly peppers: readonly Pepper[]
  /** `off`: no bcrypt hash is expected. */
  readonly legacyBcryptCost: string
}): PasswordHasherOptions {
  const [parameters, ...previousParameters] = configured.costs
  const [pepper, ...previousPeppers] = configured.peppers
  const { legacyBcryptCost } = configured
  return {
    ...(parameters && { parameters, previousParameters }),
    ...(pepper && { pepper, previousPeppers }),
    ...(legacyBcryptCost !== 'off' && { legacyBcrypt: { cost: Number(legacyBcryptCost) } }),
  }
}
