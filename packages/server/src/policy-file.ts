import { readFileSync } from 'node:fs'
import { parseDocument } from 'yaml'

/** The policy file cannot be read as YAML or JSON. */
export class PolicyFileError extends Error {
  override readonly name = 'PolicyFileError'
}

/**
 * Reads a `rempart.policy.yaml` (JSON is YAML too). What it says is judged by the guard; here only its text is.
 *
 * @throws PolicyFileError naming the line of the fault.
 */
export function readPolicyFile(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    throw new PolicyFileError(`The policy file ${path} cannot be read.`)
  }
  const document = parseDocument(text, { strict: true, uniqueKeys: true })
  const fault = document.errors[0]
  if (fault !== undefined) throw new PolicyFileError(`The policy file ${path} is not valid YAML: ${fault.message}`)
  return document.toJS({ maxAliasCount: 0 })
}
