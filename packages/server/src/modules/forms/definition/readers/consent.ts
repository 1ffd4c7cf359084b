import type { Reader } from './reader.ts'

/** A reader of a ticked (`true`) or unticked (`false`) box; a required one must be ticked. */
export function consentReader(required: boolean): Reader {
  return (answer) => {
    if (typeof answer !== 'boolean') return { code: 'consent-expected' }
    return required && !answer ? { code: 'consent-required' } : answer
  }
}
