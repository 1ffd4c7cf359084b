import { note } from '../terminal.ts'
import { words } from '../words.ts'

/** Says which part of a list was shown, where it was not all of it. */
export function printPlace(page: {
  readonly items: readonly unknown[]
  readonly page: number
  readonly pageSize: number
  readonly total: number
}): void {
  if (page.total <= page.items.length) return
  const before = (page.page - 1) * page.pageSize
  note(words.shown(before + 1, before + page.items.length, page.total))
}
