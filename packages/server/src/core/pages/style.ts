import { readFileSync } from 'node:fs'

/**
 * The style of a page that people see: colours for day and night, type and frame, which all have in common, and then its
 * own.
 *
 * @param own - the page's style sheet.
 */
export function pageStyle(own: URL): string {
  const common = readFileSync(new URL('./page.css', import.meta.url), 'utf8')
  return `${common}\n${readFileSync(own, 'utf8')}`
}
