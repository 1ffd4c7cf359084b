import { OutboundRefusal } from '../core/outbound/outbound.ts'

/** Where settings are kept: names and values side by side in one place of a secret store. */
export interface SecretStore {
  /** As it is called in messages, with the place and never a credential. */
  readonly place: string
  /**
   * Every setting of the place. One try.
   *
   * @throws SecretStoreRefusal when it would answer the same again; any other error is worth another try.
   */
  readAll(signal: AbortSignal): Promise<ReadonlyMap<string, string>>
}

/** The store answered, and not with settings. The message says what to do; it holds no value and no credential. */
export class SecretStoreRefusal extends OutboundRefusal {
  override readonly name = 'SecretStoreRefusal'
}

/** The settings of a store could not be read. The message says what to do; it holds no value and no credential. */
export class SecretStoreError extends Error {
  override readonly name = 'SecretStoreError'
}

/**
 * Names and values out of an object, as every store keeps them.
 *
 * @throws SecretStoreRefusal it is no object, or a value is no text.
 */
export function settingsOf(value: unknown): ReadonlyMap<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SecretStoreRefusal('holds something else there than names with values')
  }
  const settings = new Map<string, string>()
  for (const [name, each] of Object.entries(value)) {
    if (typeof each === 'string') settings.set(name, each)
    else if (name.startsWith('REMPART_')) throw new SecretStoreRefusal(`holds ${name}, whose value is no text`)
  }
  return settings
}

/**
 * An optional package, loaded when it is needed and not before.
 *
 * @param load - imports it.
 * @throws SecretStoreRefusal with the command that installs it.
 */
export async function optionalPackage<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
    throw isMissing ? new SecretStoreRefusal(`needs a package that is not installed: npm install ${name}`) : error
  }
}
