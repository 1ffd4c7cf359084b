import { PolicyError } from '@rempart/guard'
import {
  ConfigError,
  DatabaseFaultError,
  EmbeddedDatabaseError,
  isDatabaseUnavailable,
  MigrationError,
  PolicyFileError,
  ProblemError,
  problemBody,
  SchemaBehindError,
  SecretFileError,
  SecretStoreError,
  SigningKeyError,
  TenantError,
  WorkersError,
} from '@rempart/server/errors'
import { Failure } from './failure.ts'
import { language, words } from './words.ts'

/** What went wrong and what to do, for a person at a terminal. A fault nobody foresaw keeps its stack. */
export function explain(error: unknown): string {
  if (error instanceof EmbeddedDatabaseError) return `${error.message}\n${error.hint}`
  if (error instanceof ProblemError) return explainProblem(error)
  if (isForeseen(error)) return error.message
  return explainSystem(error) ?? (error instanceof Error ? (error.stack ?? error.message) : String(error))
}

function isForeseen(error: unknown): error is Error {
  return [
    Failure,
    ConfigError,
    DatabaseFaultError,
    MigrationError,
    PolicyError,
    PolicyFileError,
    SchemaBehindError,
    SecretFileError,
    SecretStoreError,
    SigningKeyError,
    TenantError,
    WorkersError,
  ].some((kind) => error instanceof kind)
}

function explainProblem({ code, options }: ProblemError): string {
  const problem = problemBody(code, options, { id: '', locale: language, nowMs: 0 })
  const colon = language === 'fr' ? '\u00a0:' : ':'
  const headline = problem.detail === undefined ? problem.title : `${problem.title}${colon} ${problem.detail}`
  const faults = (problem.errors ?? []).map((fault) => `  ${fault.pointer || '/'}  ${fault.message}`)
  return [headline, ...faults].join('\n')
}

/** What the operating system or PostgreSQL said, where it is known what it means. */
function explainSystem(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (code === 'EADDRINUSE') return words.portTaken
  if (code === 'EACCES' && 'syscall' in error && error.syscall === 'listen') return words.portForbidden
  if (isDatabaseUnavailable(error)) return words.databaseAway(error.message || code)
  // SQLSTATE: 28 authorization, 3D no such database, 42501 privilege; 42704 no such role, 3F000 no such schema.
  if (/^(28...|3D000|42501)$/.test(code)) return words.databaseRefused(error.message)
  return /^(42704|3F000)$/.test(code) ? words.databaseUnprepared(error.message) : undefined
}
