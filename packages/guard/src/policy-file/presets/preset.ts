/** A policy file that ships with the guard: data, checked like a file of anybody's. */
export interface Preset {
  /** What it answers to, in a sentence. */
  readonly about: string
  /** As under `policies` of a policy file; each has a `match`, so that it also stands where no route declares it. */
  readonly policies: Readonly<Record<string, unknown>>
}
