import { createReadStream, type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { createReputationCompiler, type ReputationListReport, type ReputationTable } from '@rempart/guard'
import type { Logger } from 'pino'
import { listName, type ReputationFile } from './settings.ts'

/** The lists in force. */
export interface ReputationLists {
  readonly lookup: ReputationTable['lookup']
  close(): void
}

/** What happens to the lists, for metrics. */
export interface ReputationListsObserver {
  loaded(reports: readonly ReputationListReport[], table: ReputationTable): void
  failed(): void
}

/** A list that cannot be used. The message names the file and what is wrong with it. */
export class ReputationListError extends Error {
  override readonly name = 'ReputationListError'
}

export interface ReputationListsOptions {
  readonly files: readonly ReputationFile[]
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly observer: ReputationListsObserver
  /** How long the directories must be quiet before the lists are read again. Default 500. */
  readonly quietMs?: number
}

/** A list of a million blocks has 20 MB. */
const MOST_BYTES = 67_108_864

/**
 * Reads the lists, and again whenever one of them changes: all of them are compiled, then take the place of the old table
 * at once. A change that cannot be read leaves the old table in force and says so.
 *
 * Replace a list by renaming the new file over it: a file that is written in place can be read half.
 *
 * @throws ReputationListError when a list cannot be read at the start.
 */
export async function openReputationLists(options: ReputationListsOptions): Promise<ReputationLists> {
  const { files, observer } = options
  const state = { table: await load(files, observer), seen: await fingerprints(files) }
  const reloader = createReloader(options, async () => {
    const seen = await fingerprints(files)
    if (seen === state.seen) return
    // What changes while they are read is read again.
    state.seen = seen
    state.table = await load(files, observer)
    options.log.info({ bytes: state.table.bytes }, 'the reputation lists were read again')
  })
  // Between the reading and the watching a list may have changed.
  reloader.request()
  return { lookup: (address) => state.table.lookup(address), close: reloader.close }
}

/** Runs `reload` when the directories have been quiet, one run at a time. */
function createReloader(
  { files, log, observer, quietMs = 500 }: ReputationListsOptions,
  reload: () => Promise<void>,
): { request(): void; close(): void } {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let isClosed = false
  const run = async (): Promise<void> => {
    try {
      await reload()
    } catch (error) {
      observer.failed()
      log.error({ err: error }, 'the reputation lists could not be read again; the old ones stay in force')
    }
    running = undefined
  }
  const request = (): void => {
    if (isClosed) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      // One that is running may have read the old content.
      if (running !== undefined) request()
      else running = run()
    }, quietMs)
    timer.unref()
  }
  const watchers = watchDirectories(files, request, log)
  return {
    request,
    close() {
      isClosed = true
      clearTimeout(timer)
      for (const watcher of watchers) watcher.close()
    },
  }
}

/** The directories and not the files: a file that is replaced is another file, and so is a link's target. */
function watchDirectories(
  files: readonly ReputationFile[],
  onChange: () => void,
  log: Pick<Logger, 'warn'>,
): readonly FSWatcher[] {
  const directories = new Set(files.map(({ path }) => dirname(resolve(path))))
  return [...directories].flatMap((directory) => {
    const warn = (err: unknown): void =>
      log.warn({ err, directory }, 'changes of the reputation lists in this directory are not noticed')
    try {
      return [watch(directory, { persistent: false }, onChange).on('error', warn)]
    } catch (error) {
      warn(error)
      return []
    }
  })
}

/** What tells a changed file from an untouched one. */
async function fingerprints(files: readonly ReputationFile[]): Promise<string> {
  const parts = files.map(async ({ path }) => {
    const { ino, size, mtimeMs } = await stat(path).catch(() => ({ ino: 0, size: -1, mtimeMs: 0 }))
    return `${ino} ${size} ${mtimeMs}`
  })
  return (await Promise.all(parts)).join('\n')
}

async function load(files: readonly ReputationFile[], observer: ReputationListsObserver): Promise<ReputationTable> {
  const compiler = createReputationCompiler()
  const reports: ReputationListReport[] = []
  for (const file of files) {
    const list = compiler.open(listName(file), file.score)
    reports.push(await readList(file.path, list))
  }
  const table = compiler.compile()
  observer.loaded(reports, table)
  return table
}

interface List {
  write(piece: string): void
  end(): ReputationListReport
}

async function readList(path: string, list: List): Promise<ReputationListReport> {
  let bytes = 0
  try {
    // In pieces, so that requests are served between them.
    for await (const piece of createReadStream(path, 'utf8')) {
      bytes += piece.length
      if (bytes > MOST_BYTES) throw new RangeError(`more than ${MOST_BYTES} bytes`)
      list.write(piece)
    }
  } catch (error) {
    throw new ReputationListError(`the reputation list ${path} cannot be read: ${reasonOf(error)}`)
  }
  const report = list.end()
  if (bytes === 0) throw new ReputationListError(`the reputation list ${path} is an empty file`)
  // A page of a server that is down, saved as a list, must not lift every block.
  if (report.faultCount * 10 > report.entries + report.faultCount) {
    const [first] = report.faults
    throw new ReputationListError(
      `the reputation list ${path} is none: ${report.faultCount} lines cannot be read; line ${first?.line ?? 0} ${first?.message ?? ''}`,
    )
  }
  return report
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  return 'code' in error ? String(error.code) : error.message
}
