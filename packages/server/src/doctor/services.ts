import type { Config } from '../config.ts'
import { createPolicySet } from '../core/guard/policy-set.ts'
import { verifyMailServer } from '../core/mail/carrier.ts'
import { inFile, readPolicyFile } from '../policy-file.ts'
import { inspectRedisOf } from '../redis-guard-store.ts'
import { readRoutePolicies } from '../route-policies.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

/** The Redis of the guard's counters. */
export async function examineRedis({ redisUrl, embedded, guardStore }: Config): Promise<readonly Finding[]> {
  if (redisUrl === undefined) {
    return embedded || guardStore !== 'memory' ? [] : [warn('guard-alone')]
  }
  try {
    const findings = await inspectRedisOf(redisUrl)
    return findings.length === 0 ? [ok('redis-ok')] : findings.map((finding) => warn('redis-finding', { finding }))
  } catch (error) {
    return [fail('redis-away', { message: messageOf(error) })]
  }
}

/** The mail server, as far as the greeting, encryption and signing in. No mail is sent. */
export async function examineMail(config: Config): Promise<Finding> {
  const { smtp, publicUrl, production } = config
  if (smtp === undefined) return production ? warn('smtp-none') : ok('smtp-mailbox')
  const facts = { server: `${smtp.host}:${smtp.port}` }
  try {
    await verifyMailServer(smtp, new URL(publicUrl).hostname)
    return ok('smtp-ok', facts)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    return fail(code === 'EAUTH' ? 'smtp-refused' : 'smtp-away', { ...facts, code })
  }
}

/** The policy file against the routes of this release. */
export async function examinePolicies({ policyFile }: Config): Promise<readonly Finding[]> {
  if (policyFile === undefined) return []
  try {
    const document = readPolicyFile(policyFile)
    const { base } = await readRoutePolicies()
    try {
      const { policies } = createPolicySet(base, document.parsed)
      return [ok('policy-ok', { policyFile, count: policies.length })]
    } catch (error) {
      throw inFile(document, error)
    }
  } catch (error) {
    return [fail('policy-faults', { message: messageOf(error) })]
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
