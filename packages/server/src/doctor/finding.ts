/** What a check found. Its name and facts are put into words where they are shown. */
export interface Finding {
  /** One of the names that {@link examine} knows, such as `database-ok`. */
  readonly name: string
  /** `fail`: the server does not start, or does not do what it promises. `warn`: it should be looked at. */
  readonly level: 'ok' | 'warn' | 'fail'
  /** Numbers, names and messages; never a secret. */
  readonly facts: Facts
}

export type Facts = Readonly<Record<string, string | number>>

export const ok = (name: string, facts: Facts = {}): Finding => ({ name, level: 'ok', facts })
export const warn = (name: string, facts: Facts = {}): Finding => ({ name, level: 'warn', facts })
export const fail = (name: string, facts: Facts = {}): Finding => ({ name, level: 'fail', facts })
