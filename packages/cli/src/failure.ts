import { CommanderError } from 'commander'

/** A failure whose message says all there is to say. */
export class Failure extends Error {
  override readonly name = 'Failure'
}

/** 0 after help, 2 for a command that was typed wrongly, 1 for everything that failed. */
export function exitCodeOf(error: unknown): 0 | 1 | 2 {
  if (!(error instanceof CommanderError)) return 1
  return error.exitCode === 0 ? 0 : 2
}
