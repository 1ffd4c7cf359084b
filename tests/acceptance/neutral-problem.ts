import type { Answer } from '../support/http-client.ts'

/** Members that a refusal may have: those of RFC 9457 and this product's own. */
const MEMBERS = new Set([
  'type',
  'title',
  'status',
  'detail',
  'instance',
  'code',
  'error',
  'requestId',
  'timestamp',
  'errors',
  'violated-policies',
])

const FAULT_MEMBERS = new Set(['pointer', 'code', 'message'])

/** Header fields that tell an attacker what runs here. */
const TELLING = ['server', 'x-powered-by', 'via', 'x-runtime', 'x-version', 'x-served-by', 'x-backend']

/** Stack frames, files, SQL, roles, names of software and version numbers. */
const EXPLOITABLE =
  /\n\s+at |node_modules|\.[jt]s\b|\/(?:home|root|tmp|usr|var|work)\/|fastify|ajv|node\.js|postgres|rempart_\w+|\bpg_|\bsql\b|\b(?:select|insert|update|delete)\s+(?:\*|into|from|\w+\s+set)|ECONN|EPIPE|stack|\bv?\d+\.\d+\.\d+\b/i

/**
 * What a refusal tells that it should not, or lacks; empty for a neutral one: problem+json with known members, and
 * nothing of what runs behind it.
 *
 * @param told - what the sender said in confidence, of which nothing may come back.
 */
export function faultsOfRefusal(answer: Answer, told: readonly string[] = []): readonly string[] {
  const { headers, status, text } = answer
  if (headers['content-type'] !== 'application/problem+json; charset=utf-8') return [`a ${headers['content-type']}`]
  const body = answer.json()
  const everything = `${text}\n${JSON.stringify(headers)}`
  const exploitable = EXPLOITABLE.exec(everything)
  return [
    ...Object.keys(body).filter((name) => !MEMBERS.has(name)),
    ...((body['errors'] ?? []) as readonly object[])
      .flatMap((fault) => Object.keys(fault))
      .filter((name) => !FAULT_MEMBERS.has(name))
      .map((name) => `errors with ${name}`),
    ...TELLING.filter((name) => headers[name] !== undefined),
    ...(exploitable === null ? [] : [`tells ${exploitable[0]}`]),
    ...told.filter((secret) => everything.includes(secret)).map((secret) => `repeats ${secret}`),
    ...(body['status'] === status ? [] : ['another status']),
    ...(body['requestId'] === headers['x-request-id'] ? [] : ['another request id']),
    ...['type', 'title', 'code', 'error', 'instance', 'timestamp']
      .filter((name) => typeof body[name] !== 'string' || body[name] === '')
      .map((name) => `lacks ${name}`),
  ]
}
