/** HTML that is safe to put into a page: a text of our own, or what {@link html} has made. */
export class SafeHtml {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** What a template may hold: texts and numbers are escaped, safe HTML and lists of it are not, nothing is nothing. */
export type HtmlValue = string | number | SafeHtml | readonly HtmlValue[] | undefined

/**
 * Builds HTML from a template. Whatever stands in a place of the template is escaped, in a text as in a quoted attribute,
 * unless it is {@link SafeHtml} already.
 */
export function html(template: TemplateStringsArray, ...values: readonly HtmlValue[]): SafeHtml {
  let text = template[0] ?? ''
  for (const [index, value] of values.entries()) text += written(value) + (template[index + 1] ?? '')
  return new SafeHtml(text)
}

function written(value: HtmlValue): string {
  if (value === undefined) return ''
  if (value instanceof SafeHtml) return value.text
  return typeof value === 'object' ? value.map(written).join('') : escapeHtml(String(value))
}

/**
 * Escapes a text for HTML. Characters that nobody sees, and those that turn the direction of reading, are shown by their
 * codes: a log is written by strangers.
 */
function escapeHtml(text: string): string {
  return text
    .replace(unseen, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`)
    .replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
}

const unseen = /[\p{Cc}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\u061C\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]/gu
