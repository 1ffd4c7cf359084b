import type { Refusal } from '../messages.ts'
import type { Reader } from './reader.ts'

const NOT_A_NUMBER: Refusal = { code: 'number-expected' }
const NOT_WHOLE: Refusal = { code: 'number-integer' }

interface NumberBounds {
  min: number | undefined
  max: number | undefined
  step: number | undefined
  integer: boolean
}

/** A reader of JSON numbers, finite, within bounds that both belong to the range. Text is not a number, even `"42"`. */
export function numberReader(bounds: NumberBounds): Reader {
  return (answer) => {
    if (typeof answer !== 'number' || !Number.isFinite(answer)) return NOT_A_NUMBER
    // JSON has no use for a negative zero, and formats that print one surprise people.
    const value = answer === 0 ? 0 : answer
    return boundsFault(value, bounds) ?? stepFault(value, bounds) ?? value
  }
}

function boundsFault(value: number, { min, max }: NumberBounds): Refusal | undefined {
  if (min !== undefined && value < min) return { code: 'number-too-small', limit: min }
  return max !== undefined && value > max ? { code: 'number-too-large', limit: max } : undefined
}

function stepFault(value: number, { min = 0, step, integer }: NumberBounds): Refusal | undefined {
  if (integer && !Number.isInteger(value)) return NOT_WHOLE
  return step === undefined || isOnStep(value - min, step) ? undefined : { code: 'number-step', limit: step }
}

/** 0.3 is three steps of 0.1 although 0.3 / 0.1 is 2.9999999999999996 in binary. */
function isOnStep(distance: number, step: number): boolean {
  const steps = distance / step
  return Math.abs(steps - Math.round(steps)) <= Number.EPSILON * 4 * Math.max(1, Math.abs(steps))
}
