import { PolicyError } from '@rempart/guard'
import {
  ConfigError,
  DatabaseFaultError,
  EmbeddedDatabaseError,
  MigrationError,
  PolicyFileError,
  SchemaBehindError,
  SecretFileError,
} from '@rempart/server'

/** What went wrong and what to do, for a person at a terminal. A fault nobody foresaw keeps its stack. */
export function explain(error: unknown): string {
  if (error instanceof EmbeddedDatabaseError) return `${error.message}\n${error.hint}`
  if (isForeseen(error)) return error.message
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return 'The port is in use by another process. Stop it, or set REMPART_PORT to a free one.'
  }
  if (error instanceof Error && 'code' in error && error.code === 'EACCES') {
    return 'The port may not be opened by this user. Set REMPART_PORT to 1024 or above.'
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function isForeseen(error: unknown): error is Error {
  return [
    ConfigError,
    DatabaseFaultError,
    MigrationError,
    PolicyError,
    PolicyFileError,
    SchemaBehindError,
    SecretFileError,
  ].some((kind) => error instanceof kind)
}
