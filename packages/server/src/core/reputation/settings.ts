import { basename, extname } from 'node:path'
import type { Parsed } from '../parsed.ts'

/** One list: where it is, and what its lines score that name no score. */
export interface ReputationFile {
  readonly path: string
  /** 0 to 100. */
  readonly score: number
}

/** Of a line without a score, in a list without one. */
const USUAL_SCORE = 80

/** Comma-separated paths, each with `=<score>` behind it or not. */
export function reputationFiles(raw: string): Parsed<readonly ReputationFile[]> {
  const files = raw
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => {
      const [, path = item, score = String(USUAL_SCORE)] = /^(.+)=(\d{1,3})$/.exec(item) ?? []
      return { path, score: Number(score) }
    })
  const wrong = files.findIndex(({ score }) => score > 100)
  if (wrong >= 0) return { fault: `must have scores from 0 to 100; entry ${wrong + 1} has another` }
  const names = new Set(files.map(listName))
  // Answers and metrics name a list by its file.
  if (names.size < files.length) return { fault: 'must not have two lists whose files have one name' }
  return { value: files }
}

/** What a list is called in metrics and decisions: its file's name without the extension. */
export function listName({ path }: ReputationFile): string {
  return basename(path, extname(path))
}

/** The name of a header, in lower case as Node gives it. */
export function headerName(raw: string): Parsed<string> {
  return /^[A-Za-z0-9-]{1,64}$/.test(raw) ? { value: raw.toLowerCase() } : { fault: 'must be the name of a header' }
}
