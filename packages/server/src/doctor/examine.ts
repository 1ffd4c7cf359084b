import { type Config, ConfigError, type Environment, environmentWithFile } from '../config.ts'
import { readConfig } from '../secret-stores/read-config.ts'
import { SecretStoreError } from '../secret-stores/store.ts'
import { examineDatabase } from './database.ts'
import { type Finding, fail, ok } from './finding.ts'
import { examineMail, examinePolicies, examineRedis } from './services.ts'
import { examineDisk, examineFiles, examineNode, examineSecrets, examineUrl } from './surroundings.ts'

/**
 * Looks for what an operator can get wrong, one finding after another. It changes nothing: no database is made, no mail sent.
 * Without a sound configuration there is nothing else to look at.
 */
export async function* examine(environment: Environment = environmentWithFile()): AsyncGenerator<Finding> {
  yield examineNode()
  const config = await configOf(environment)
  if (!('dataDir' in config)) {
    yield* config
    return
  }
  yield ok('config-ok')
  const checks: readonly (() => Finding | readonly Finding[] | Promise<Finding | readonly Finding[]>)[] = [
    () => examineUrl(config),
    () => examineSecrets(config),
    () => examineFiles(config, environment),
    () => examineDisk(config),
    () => examinePolicies(config),
    () => examineDatabase(config),
    () => examineRedis(config),
    () => examineMail(config),
  ]
  for (const check of checks) {
    const found = await check()
    if ('level' in found) yield found
    else yield* found
  }
}

async function configOf(environment: Environment): Promise<Config | readonly Finding[]> {
  try {
    return await readConfig({ environment })
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map((fault) => fail('config-fault', { fault }))
    if (error instanceof SecretStoreError) return [fail('secret-store', { message: error.message })]
    throw error
  }
}
