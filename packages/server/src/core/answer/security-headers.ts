/** Header names in lower case and their values, as `reply.headers()` and `writeHead` take them. */
export type HeaderBlock = Readonly<Record<string, string>>

/** What a form page may do beyond the server's own origin. Each entry is an origin of `isFrameOrigin`'s shape. */
export interface FormPageOrigins {
  /** Sites that may show the form in a frame; none when empty. */
  readonly frameAncestors: readonly string[]
  /** Where a CAPTCHA's script, frame and calls come from; none when absent. */
  readonly challengeOrigins?: readonly string[]
}

/** One block per kind of response, ready to send. */
export interface SecurityHeaders {
  readonly api: HeaderBlock
  readonly docs: HeaderBlock
  readonly console: HeaderBlock
  /**
   * The block of a hosted form. The same origins give the same object.
   *
   * @throws RangeError an entry is not an origin: it would add a directive to the policy.
   */
  form(origins: FormPageOrigins): HeaderBlock
}

/** Different tenants' form blocks kept; beyond it they are built again. */
const FORM_BLOCKS = 500

/**
 * Builds the security headers of a server once.
 *
 * @param config.publicUrl - Where browsers reach the server; only `https:` makes it promise HTTPS for a year.
 */
export function createSecurityHeaders(config: { readonly publicUrl: string }): SecurityHeaders {
  const transport = new URL(config.publicUrl).protocol === 'https:' ? HTTPS_ONLY : {}
  const block = (...parts: readonly HeaderBlock[]): HeaderBlock => Object.freeze(Object.assign({}, transport, ...parts))
  const forms = new Map<string, HeaderBlock>()

  return Object.freeze({
    api: block(COMMON, UNFRAMED, csp(API_POLICY)),
    docs: block(COMMON, UNFRAMED, PAGE, csp(DOCS_POLICY)),
    console: block(COMMON, UNFRAMED, PAGE, csp(CONSOLE_POLICY)),
    form(origins: FormPageOrigins): HeaderBlock {
      const key = JSON.stringify([origins.frameAncestors, origins.challengeOrigins])
      let headers = forms.get(key)
      if (headers === undefined) {
        headers = block(COMMON, PAGE, FORM, formFraming(origins))
        if (forms.size >= FORM_BLOCKS) forms.clear()
        forms.set(key, headers)
      }
      return headers
    },
  })
}

/**
 * Whether a text may stand in a policy as an origin: `https://host`, `https://*.host`, with or without a port, and
 * `http://localhost` for development. A path, a quote, a separator or a keyword makes it none.
 */
export function isFrameOrigin(value: string): boolean {
  return value.length <= 255 && (HTTPS_ORIGIN.test(value) || LOCAL_ORIGIN.test(value))
}

const HTTPS_ORIGIN =
  /^https:\/\/(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*(?::\d{1,5})?$/
const LOCAL_ORIGIN = /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/

const HTTPS_ONLY: HeaderBlock = { 'strict-transport-security': 'max-age=31536000; includeSubDomains; preload' }

// The resource policy is checked on requests without CORS only, so it stops another site from loading an answer as an
// image or a script into its own process, and does not touch a cross-origin `fetch` that CORS allows (Fetch §3.8).
const COMMON: HeaderBlock = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'strict-origin-when-cross-origin',
  'cross-origin-resource-policy': 'same-origin',
  // Invoices are PDF, and PDF readers still ask for a cross-domain policy file.
  'x-permitted-cross-domain-policies': 'none',
}

const UNFRAMED: HeaderBlock = { 'x-frame-options': 'DENY' }

const PAGE: HeaderBlock = {
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': [
    'accelerometer',
    'camera',
    'display-capture',
    'geolocation',
    'gyroscope',
    'magnetometer',
    'microphone',
    'midi',
    'payment',
    'serial',
    'usb',
  ]
    .map((feature) => `${feature}=()`)
    .join(', '),
}

const FORM: HeaderBlock = {
  // `no-referrer` would make the form's own POST carry `Origin: null`.
  'referrer-policy': 'same-origin',
  // A page that isolates itself with COEP may frame the form only when this says so.
  'cross-origin-resource-policy': 'cross-origin',
}

const NOTHING = ["default-src 'none'", "base-uri 'none'"]
const API_POLICY = [...NOTHING, "form-action 'none'", "frame-ancestors 'none'"]
const OWN_PAGE = [
  ...NOTHING,
  "connect-src 'self'",
  "font-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "img-src 'self' data:",
  "script-src 'self'",
  "style-src 'self'",
]
const DOCS_POLICY = OWN_PAGE
const CONSOLE_POLICY = [...OWN_PAGE, "manifest-src 'self'", "worker-src 'self'", "require-trusted-types-for 'script'"]

function formFraming({ frameAncestors, challengeOrigins = [] }: FormPageOrigins): HeaderBlock {
  const intruder = [...frameAncestors, ...challengeOrigins].find((origin) => !isFrameOrigin(origin))
  if (intruder !== undefined) throw new RangeError('an origin of a form page is not an https origin')

  const ancestors = frameAncestors.length === 0 ? "'none'" : frameAncestors.join(' ')
  const challenge = challengeOrigins.map((origin) => ` ${origin}`).join('')
  const policy = csp([
    ...NOTHING,
    `connect-src 'self'${challenge}`,
    "font-src 'self'",
    "form-action 'self'",
    `frame-ancestors ${ancestors}`,
    ...(challenge === '' ? [] : [`frame-src${challenge}`]),
    "img-src 'self' data:",
    `script-src 'self'${challenge}`,
    `style-src 'self'${challenge}`,
    "worker-src 'self'",
  ])
  // X-Frame-Options knows no list of sites, and would refuse the ones that are allowed.
  return frameAncestors.length === 0 ? { ...policy, ...UNFRAMED } : policy
}

function csp(directives: readonly string[]): HeaderBlock {
  return { 'content-security-policy': directives.join('; ') }
}
