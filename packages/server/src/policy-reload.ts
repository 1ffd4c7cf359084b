import { type FSWatcher, readFileSync, realpathSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import type { ActivePolicies } from './core/guard/guard.ts'
import type { PolicySet } from './core/guard/policy-set.ts'
import type { Metrics } from './core/metrics/metrics.ts'
import { inFile, type PolicyDocument, PolicyFileError, placeFault, readPolicyFile } from './policy-file.ts'

/** What a look at the policy file came to. */
export type ReloadResult = 'applied' | 'unchanged' | 'refused'

/** A policy file that is watched. */
export interface PolicyWatch {
  /** Looks at once, whatever was seen before, and says what it came to. */
  reload(): ReloadResult
  /** Stops watching. */
  stop(): void
}

export interface PolicyWatchDependencies {
  readonly policies: Pick<ActivePolicies, 'current' | 'replace'>
  readonly metrics: Pick<Metrics, 'policyReload'>
  readonly log: Logger
}

/** A file must have been left alone for this long: an editor may write it in several goes. */
const SETTLE_MS = 150
/** How often the file is looked at where the system tells of no change, as over a network or a bind mount. */
const LOOK_MS = 2_000
/** Faults of one file that are logged; a file of another kind altogether has thousands. */
const MOST_FAULTS = 50

/**
 * Puts the policy file in force again when its content changes: rewritten, renamed over, or reached through another
 * symbolic link (as Kubernetes does). A file with a fault, or none, changes nothing: each fault is logged with its line.
 *
 * @param initial - The document in force.
 */
export function watchPolicyFile(initial: PolicyDocument, dependencies: PolicyWatchDependencies): PolicyWatch {
  const { file } = initial
  const { log } = dependencies
  // What stood in the file when it was put in force, which is some seconds ago.
  let seen: string | undefined = initial.text
  let timer: NodeJS.Timeout | undefined
  let watchers: readonly FSWatcher[] = []

  const look = (): void => {
    timer = undefined
    const found = textOf(file)
    if (found === seen) return
    if (isFresh(file)) {
      settle()
      return
    }
    seen = found
    apply(file, dependencies)
    follow()
  }
  const settle = (): void => {
    clearTimeout(timer)
    timer = setTimeout(look, SETTLE_MS)
  }
  // The directory, because a file that is renamed over is another file; and where links lead, because writing there is
  // no event here.
  const follow = (): void => {
    for (const watcher of watchers) watcher.close()
    watchers = [...directoriesOf(file)].flatMap((directory) => open(directory, settle, log))
  }
  follow()
  const interval = setInterval(look, LOOK_MS).unref()

  return {
    reload() {
      clearTimeout(timer)
      seen = textOf(file)
      return apply(file, dependencies)
    },
    stop() {
      clearTimeout(timer)
      clearInterval(interval)
      for (const watcher of watchers) watcher.close()
    },
  }
}

function apply(file: string, { policies, metrics, log }: PolicyWatchDependencies): ReloadResult {
  const before = policies.current().version
  try {
    const { version } = putInForce(file, policies)
    const result = version === before ? 'unchanged' : 'applied'
    metrics.policyReload(result)
    log.info({ policyVersion: version, previousVersion: before }, `the policy file was read again: ${result}`)
    return result
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error
    metrics.policyReload('refused')
    for (const fault of error.faults.slice(0, MOST_FAULTS)) log.error(placeFault(file, fault))
    log.error(
      { policyVersion: before, faults: error.faults.length },
      'the policy file is refused; the policies in force stay',
    )
    return 'refused'
  }
}

/** @throws PolicyFileError */
function putInForce(file: string, policies: PolicyWatchDependencies['policies']): PolicySet {
  const document = readPolicyFile(file)
  try {
    return policies.replace(document.parsed)
  } catch (error) {
    throw inFile(document, error)
  }
}

/** Undefined when there is nothing to read. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function isFresh(file: string): boolean {
  try {
    const ageMs = Date.now() - statSync(file).mtimeMs
    // A time in the future is another machine's clock.
    return ageMs >= 0 && ageMs < SETTLE_MS
  } catch {
    return false
  }
}

function directoriesOf(file: string): ReadonlySet<string> {
  const directories = new Set([dirname(file)])
  try {
    directories.add(dirname(realpathSync(file)))
  } catch {
    // There is no file: it comes back in its own directory.
  }
  return directories
}

function open(directory: string, onChange: () => void, log: Logger): readonly FSWatcher[] {
  try {
    const watcher = watch(directory, { persistent: false }, onChange)
    watcher.on('error', () => watcher.close())
    return [watcher]
  } catch (error) {
    log.warn(
      { err: error },
      `changes of the policy file are noticed within ${LOOK_MS} ms: its directory cannot be watched`,
    )
    return []
  }
}
