/** `true` for the defaults; a record for changes to them, by name in lower case: another value, or false for none. */
export type SecurityHeaders = true | Readonly<Record<string, string | false>>

/**
 * The security headers of an API's answers: nothing of them is a page, so nothing may run, frame or embed them. A site
 * that is served over https adds its `strict-transport-security`.
 */
export function securityFields(choice: SecurityHeaders): Readonly<Record<string, string>> {
  const fields: Record<string, string> = { ...defaults }
  if (choice === true) return fields
  for (const [name, value] of Object.entries(choice)) {
    if (value === false) delete fields[name.toLowerCase()]
    else fields[name.toLowerCase()] = value
  }
  return fields
}

const defaults: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'strict-origin-when-cross-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-permitted-cross-domain-policies': 'none',
}
