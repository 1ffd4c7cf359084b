/** A mail that is written. */
export interface Envelope {
  /** The row's: the same however often it is sent, so that a receiver can drop a second copy. */
  readonly id: string
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly createdAt: Date
  readonly template: string
}

/** What became of a mail. `later`: not this time. `never`: this recipient is refused for good. */
export type Carried =
  | { readonly outcome: 'carried' }
  | {
      readonly outcome: 'later' | 'never'
      /** A word for the log: neither an address nor what the server said, which may repeat it. */
      readonly reason: string
      /** The server itself was not reached, so that other mails need not be tried now. */
      readonly isServerAway: boolean
    }

/** What brings a mail out of the house. It does not throw. */
export interface Carrier {
  carry(mail: Envelope, signal: AbortSignal): Promise<Carried>
}
