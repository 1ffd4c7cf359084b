import type { Locale } from '../../locale.ts'
import type { MailLinks } from '../links.ts'

/** What a mail says, before it is laid out. Values in it are plain text; the layout escapes them. */
export interface MailContent {
  /** A fixed text: nothing that anybody typed is in a header. */
  readonly subject: string
  readonly paragraphs: readonly string[]
  /** What the reader is asked to press. */
  readonly action?: { readonly label: string; readonly url: string }
  /** What to do about a mail that was not expected. */
  readonly caution: string
}

/** What every template may speak of, besides its own data. */
export interface MailSurroundings {
  readonly locale: Locale
  /** The tenant's name, as one line. */
  readonly site: string
  readonly links: MailLinks
}

/** One kind of mail. */
export interface MailTemplate<Data> {
  /** How long it is worth delivering, in milliseconds: no longer than what its link is good for. */
  readonly lifetimeMs: number
  /** How many of this kind one address gets in any hour, and in any 24 hours; the rest is dropped without a word. */
  readonly perHour: number
  readonly perDay: number
  /** Pure. @throws RangeError when its token could not stand in a link. */
  readonly write: (data: Data, surroundings: MailSurroundings) => MailContent
}

export const hourMs = 3_600_000
export const dayMs = 24 * hourMs
