import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import {
  addressList,
  choice,
  contactAddress,
  contactList,
  durationMs,
  hostList,
  hostName,
  httpUrl,
  integer,
  masterList,
  mountedPath,
  networkList,
  originList,
  partList,
  postgresUrl,
  text,
} from './config-values.ts'
import { passwordCosts, passwordPeppers } from './core/credentials/password-settings.ts'
import { mailFrom, smtpUrl } from './core/mail/smtp-settings.ts'
import type { Parsed } from './core/parsed.ts'
import { headerName, reputationFiles } from './core/reputation/settings.ts'
import { isGuessable, secretStrengthFault } from './core/secrets.ts'
import { redisUrl } from './redis-url.ts'

/** One setting: where it comes from, how it is read, what it is when absent, and its line in the reference. */
interface Setting<T> {
  readonly name: string
  readonly read: (raw: string) => Parsed<T>
  readonly fallback: T
  readonly secret?: boolean
  readonly about: string
}

const setting = <T>(
  name: string,
  read: (raw: string) => Parsed<T>,
  fallback: NoInfer<T>,
  about: string,
): Setting<T> => ({ name, read, fallback, about })

/** A setting that may be absent. A secret one is also read from the file that `<name>_FILE` names. */
const optional = <T>(
  name: string,
  read: (raw: string) => Parsed<T>,
  about: string,
  secret = false,
): Setting<T | undefined> => ({ name, read, fallback: undefined, about, secret })

/** Secrets of which there may be none or several. */
const secretList = (name: string, about: string): Setting<readonly string[]> => ({
  ...setting<readonly string[]>(name, masterList, [], about),
  secret: true,
})

/** Every setting of the server. The reference page (`docs/reference/config.md`) is generated from this table. */
export const settings = {
  port: setting('REMPART_PORT', integer(0, 65_535), 3000, 'Port the server listens on; 0 lets the system choose.'),
  host: setting('REMPART_HOST', text(1, 255), '127.0.0.1', 'Address the server listens on.'),
  dataDir: setting(
    'REMPART_DATA_DIR',
    text(1, 4096),
    './data',
    'Where the embedded database and generated secrets live.',
  ),
  publicUrl: setting(
    'REMPART_PUBLIC_URL',
    httpUrl,
    'http://localhost:3000',
    'The URL the public uses; with the embedded database on another port, localhost with that port where nothing is set. `https` turns on HSTS, the redirect of pages from http, and the refusal of API calls over http.',
  ),
  trustedProxies: setting(
    'REMPART_TRUSTED_PROXIES',
    networkList,
    [],
    'CIDR list of proxies whose forwarding header is believed.',
  ),
  forwardedHeader: setting(
    'REMPART_FORWARDED_HEADER',
    choice('x-forwarded-for', 'forwarded'),
    'x-forwarded-for',
    'The one forwarding header that is read, and only from a trusted proxy.',
  ),
  trustedHosts: setting(
    'REMPART_TRUSTED_HOSTS',
    hostList,
    [],
    'Host names answered besides the public URL, loopback and the tenants’ own domains; `*.example.org` for subdomains, `*` for any.',
  ),
  dnsServers: setting(
    'REMPART_DNS_SERVERS',
    addressList,
    [],
    'Name servers asked for the proof that a domain is a tenant’s: addresses, with `:port` where it is not 53. Those of the system when empty.',
  ),
  allowedOrigins: setting(
    'REMPART_ALLOWED_ORIGINS',
    originList,
    [],
    'Origins allowed by CORS for every tenant, besides each tenant’s own.',
  ),
  defaultLocale: setting('REMPART_DEFAULT_LOCALE', choice('en', 'fr'), 'en', 'Language when the client names none.'),
  defaultTenant: optional(
    'REMPART_DEFAULT_TENANT',
    text(1, 63),
    'Slug of the tenant of a call that names none; `demo` in the embedded mode.',
  ),
  demo: setting(
    'REMPART_DEMO',
    choice('on', 'off'),
    'on',
    'Whether the first start on an embedded database makes the demo tenant.',
  ),
  databaseUrl: optional(
    'REMPART_DATABASE_URL',
    postgresUrl,
    'PostgreSQL 15 or later, as rempart_app. Absent: the embedded database.',
    true,
  ),
  databaseWorkerUrl: optional('REMPART_DATABASE_WORKER_URL', postgresUrl, 'The same database as rempart_worker.', true),
  databaseOwnerUrl: optional(
    'REMPART_DATABASE_OWNER_URL',
    postgresUrl,
    'The same database as rempart_owner; read by `rempart migrate` only.',
    true,
  ),
  databasePoolSize: setting(
    'REMPART_DATABASE_POOL_SIZE',
    integer(1, 200),
    10,
    'Connections of the serving pool, of each process.',
  ),
  databaseConnectTimeoutMs: setting(
    'REMPART_DATABASE_CONNECT_TIMEOUT',
    durationMs(100, 120_000),
    5_000,
    'How long a request waits for a connection.',
  ),
  databaseStatementTimeoutMs: setting(
    'REMPART_DATABASE_STATEMENT_TIMEOUT',
    durationMs(100, 3_600_000),
    15_000,
    'How long one statement may run.',
  ),
  databaseIdleTimeoutMs: setting(
    'REMPART_DATABASE_IDLE_TIMEOUT',
    durationMs(1_000, 3_600_000),
    60_000,
    'How long an unused connection is kept.',
  ),
  databaseMaxLifetimeMs: setting(
    'REMPART_DATABASE_MAX_LIFETIME',
    durationMs(10_000, 86_400_000),
    1_800_000,
    'How long a connection lives before it is replaced.',
  ),
  secretKey: optional(
    'REMPART_SECRET_KEY',
    text(1, 1024),
    'Master secret, 32 bytes or more. Generated in the embedded mode, required otherwise.',
    true,
  ),
  previousSecretKeys: secretList(
    'REMPART_SECRET_KEY_PREVIOUS',
    'Master secrets besides, which open and verify but seal and sign nothing: the one before while `rempart keys rewrap` has not run, or the next one before every process has it. Comma-separated, or one on each line.',
  ),
  secretStore: setting(
    'REMPART_SECRET_STORE',
    choice('none', 'vault', 'aws', 'infisical'),
    'none',
    'A secret store that the settings missing here are read from at the start, by their names: HashiCorp Vault or OpenBao, AWS Secrets Manager, Infisical.',
  ),
  vaultUrl: optional('REMPART_VAULT_URL', httpUrl, 'Vault or OpenBao, such as `https://vault.example.org:8200`.'),
  vaultPath: optional(
    'REMPART_VAULT_PATH',
    mountedPath,
    'Mount and path of a secret of the key-value engine, version 2: `secret/rempart`.',
  ),
  vaultNamespace: optional('REMPART_VAULT_NAMESPACE', text(1, 255), 'Namespace of Vault Enterprise or OpenBao.'),
  vaultToken: optional('REMPART_VAULT_TOKEN', text(1, 4096), 'Token that may read the secret.', true),
  vaultRoleId: optional('REMPART_VAULT_ROLE_ID', text(1, 255), 'AppRole that may read it, instead of a token.'),
  vaultSecretId: optional('REMPART_VAULT_SECRET_ID', text(1, 4096), 'Secret id of the AppRole.', true),
  awsSecretId: optional(
    'REMPART_AWS_SECRET_ID',
    text(1, 2048),
    'Name or ARN of a secret of AWS Secrets Manager whose text is a JSON object. Credentials are those the AWS SDK finds.',
  ),
  awsRegion: optional('REMPART_AWS_REGION', text(1, 63), 'Region of the secret; else what the AWS SDK finds.'),
  awsEndpoint: optional('REMPART_AWS_ENDPOINT', httpUrl, 'Endpoint instead of the public one of the region.'),
  infisicalUrl: setting(
    'REMPART_INFISICAL_URL',
    httpUrl,
    'https://app.infisical.com',
    'Infisical, or one of your own.',
  ),
  infisicalProject: optional('REMPART_INFISICAL_PROJECT', text(1, 255), 'Id of the project.'),
  infisicalEnvironment: setting('REMPART_INFISICAL_ENVIRONMENT', text(1, 64), 'prod', 'Slug of the environment.'),
  infisicalPath: setting('REMPART_INFISICAL_PATH', text(1, 1024), '/', 'Folder of the secrets.'),
  infisicalClientId: optional(
    'REMPART_INFISICAL_CLIENT_ID',
    text(1, 255),
    'Client id of a machine identity (Universal Auth) that may read them.',
  ),
  infisicalClientSecret: optional('REMPART_INFISICAL_CLIENT_SECRET', text(1, 4096), 'Its client secret.', true),
  registration: setting(
    'REMPART_REGISTRATION',
    choice('open', 'closed'),
    'open',
    'Whether people may make accounts for themselves, once their address is confirmed; such an account may do nothing until somebody gives it a role. `closed`: by invitation only.',
  ),
  checkBreaches: setting(
    'REMPART_PASSWORD_CHECK_HIBP',
    choice('on', 'off'),
    'on',
    'Whether a new password is looked for in known leaks, with five digits of its hash. When the service does not answer, the password passes.',
  ),
  passwordCosts: setting(
    'REMPART_PASSWORD_COST',
    passwordCosts,
    [],
    'What one hash of a password costs, as Argon2id writes it: memory in KiB, passes and lanes. When it is absent: `m=19456,t=2,p=1`. Costs of hashes that may still be stored follow it after a space: every sign-in pays each of them meanwhile, so that its time tells nothing, and a hash is replaced when its owner signs in.',
  ),
  passwordPeppers: {
    ...setting(
      'REMPART_PASSWORD_PEPPER',
      passwordPeppers,
      [],
      'A secret that every hash of a password needs besides what the database holds: a name, a colon and 32 random bytes or more. Former ones follow it, separated by commas or each on its line, for as long as there are hashes with them. **Who loses it resets every password.**',
    ),
    secret: true,
  },
  legacyBcryptCost: setting(
    'REMPART_LEGACY_BCRYPT_COST',
    choice('off', '4', '5', '6', '7', '8', '9', '10', '11', '12', '13', '14', '15'),
    'off',
    'The cost of bcrypt hashes that were brought over from another system: they sign in, and are replaced by Argon2id when they do. Every sign-in pays one bcrypt more meanwhile, so that its time tells nothing; `off` when none is left.',
  ),
  breachesUrl: setting(
    'REMPART_PASSWORD_CHECK_URL',
    httpUrl,
    'https://api.pwnedpasswords.com',
    'Where new passwords are looked for: Have I Been Pwned, or a mirror of it.',
  ),
  allowPrivateIdp: setting(
    'REMPART_ALLOW_PRIVATE_IDP',
    choice('on', 'off'),
    'off',
    'Whether an identity provider may be on this machine, over http as well. For development: whoever may add providers then reaches what listens here.',
  ),
  allowPrivateWebhooks: setting(
    'REMPART_ALLOW_PRIVATE_WEBHOOKS',
    choice('on', 'off'),
    'off',
    'Whether a webhook may be on this machine, over http as well. For development: whoever may add webhooks then reaches what listens here.',
  ),
  githubUrl: setting(
    'REMPART_GITHUB_URL',
    httpUrl,
    'https://github.com',
    'Where people sign in with GitHub: github.com, or a GitHub Enterprise Server at a public address.',
  ),
  githubApiUrl: setting('REMPART_GITHUB_API_URL', httpUrl, 'https://api.github.com', 'The API of the same GitHub.'),
  securityContact: setting(
    'REMPART_SECURITY_CONTACT',
    contactList,
    [],
    'Where to report a vulnerability, as `/.well-known/security.txt` says it: comma-separated `mailto:`, `https:` or `tel:` addresses, the preferred one first. When empty, `security@` the host of the public URL (RFC 2142): make that mailbox, or name another.',
  ),
  apiContact: optional(
    'REMPART_API_CONTACT',
    contactAddress,
    'Who is asked about the API, as the OpenAPI document says it: a `mailto:` address or an https page.',
  ),
  policyFile: optional(
    'REMPART_POLICY_FILE',
    text(1, 4096),
    'A rempart.policy.yaml (or .json) over the policies beside the routes.',
  ),
  guardMemoryBytes: setting(
    'REMPART_GUARD_MEMORY',
    integer(1_048_576, 4_294_967_296),
    33_554_432,
    'Memory budget of the guard’s counters in the process, in bytes.',
  ),
  formMemoryBytes: setting(
    'REMPART_FORM_MEMORY',
    integer(1_048_576, 4_294_967_296),
    134_217_728,
    'Memory that published forms may take in the process, in bytes. A form of ten fields takes some 6,000 once it was shown, and 13,000 once it was answered too; what is asked for least goes first.',
  ),
  guardStore: setting(
    'REMPART_GUARD_STORE',
    choice('auto', 'memory', 'postgres', 'redis'),
    'auto',
    'Where the guard counts: `redis` or `postgres`, which all processes share, or `memory`, in which each counts for itself. `auto`: redis when REMPART_REDIS_URL is set, else postgres when REMPART_DATABASE_URL is or REMPART_WORKERS is more than 1, else memory.',
  ),
  redisUrl: optional(
    'REMPART_REDIS_URL',
    redisUrl,
    'Redis 7 or Valkey for the guard’s counters: `redis://user:password@host:6379/0`, `rediss://` for TLS, `redis+cluster://host:6379,host:6380`, `redis+sentinel://host:26379,host:26379/name`.',
    true,
  ),
  tenantLimitFactor: setting(
    'REMPART_TENANT_LIMIT_FACTOR',
    integer(1, 1_000),
    1,
    'How many times a figure of a policy a tenant may set for itself at most; 1: it may only tighten.',
  ),
  eventRetentionMs: setting(
    'REMPART_EVENT_RETENTION',
    durationMs(86_400_000, 34_560_000_000),
    2_592_000_000,
    'How long security events are kept, in whole days.',
  ),
  contactRetentionMs: setting(
    'REMPART_CONTACT_RETENTION',
    durationMs(86_400_000, 315_360_000_000),
    31_536_000_000,
    'How long contact messages are kept before they are deleted for good.',
  ),
  auditAnchorFile: optional(
    'REMPART_AUDIT_ANCHOR_FILE',
    text(1, 4096),
    'A file to which each signed head of the audit log is added. Kept where the database’s administrator cannot write, it shows that entries were cut off.',
  ),
  run: setting(
    'REMPART_RUN',
    partList,
    ['api', 'jobs'],
    'What this process does: `api` answers requests, `jobs` sends mails and forgets what was kept long enough. A process without `api` answers `/health` and `/health/ready` alone.',
  ),
  workers: setting(
    'REMPART_WORKERS',
    integer(1, 64),
    1,
    'Processes that serve on the one port, watched over by one more; the first of them runs the jobs. 1: a single process does all.',
  ),
  smtp: optional(
    'REMPART_SMTP_URL',
    smtpUrl,
    'The mail server: `smtp://user:password@host:587` (STARTTLS), `smtps://…:465` (TLS from the start) or `smtp+plain://relay:25` (TLS where offered). Absent: mails go to the mailbox of the data directory, which `rempart mailbox` shows.',
    true,
  ),
  mailFrom: optional(
    'REMPART_MAIL_FROM',
    mailFrom,
    'Who mails are from: `no-reply@example.org` or `Name <no-reply@example.org>`. Required with REMPART_SMTP_URL.',
  ),
  countryHeader: optional(
    'REMPART_COUNTRY_HEADER',
    headerName,
    'Header in which a trusted proxy tells the client’s country, such as `cf-ipcountry`.',
  ),
  reputationLists: setting(
    'REMPART_REPUTATION_LISTS',
    reputationFiles,
    [],
    'Comma-separated files of bad addresses and networks, read again when they change; `=60` behind one is the score of its lines without one (80).',
  ),
  abuseIpDbKey: optional(
    'REMPART_ABUSEIPDB_KEY',
    text(16, 256),
    'Key of AbuseIPDB. With it, addresses that a `signal` rule wants the reputation of are sent there.',
    true,
  ),
  abuseIpDbUrl: setting(
    'REMPART_ABUSEIPDB_URL',
    httpUrl,
    'https://api.abuseipdb.com',
    'Where AbuseIPDB, or a service that speaks as it does, is asked.',
  ),
  abuseIpDbDailyBudget: setting(
    'REMPART_ABUSEIPDB_DAILY_BUDGET',
    integer(1, 10_000_000),
    1_000,
    'Questions to it on one UTC day, by each process; one that fails is asked three times at most.',
  ),
  metricsPort: optional('REMPART_METRICS_PORT', integer(0, 65_535), 'Port of a separate listener for /metrics.'),
  metricsToken: optional(
    'REMPART_METRICS_TOKEN',
    text(16, 512),
    'Bearer token for /metrics on the main listener.',
    true,
  ),
  logLevel: setting(
    'REMPART_LOG_LEVEL',
    choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    'info',
    'Least severe log line written.',
  ),
  logClientIp: setting(
    'REMPART_LOG_CLIENT_IP',
    choice('none', 'truncated', 'full'),
    'none',
    'Whether log lines carry the client address.',
  ),
  slowRequestMs: setting(
    'REMPART_SLOW_REQUEST',
    durationMs(1, 600_000),
    1_000,
    'Requests slower than this are logged as slow.',
  ),
  requestTimeoutMs: setting(
    'REMPART_REQUEST_TIMEOUT',
    durationMs(1_000, 600_000),
    30_000,
    'How long a client may take to send a whole request.',
  ),
  headersTimeoutMs: setting(
    'REMPART_HEADERS_TIMEOUT',
    durationMs(500, 600_000),
    10_000,
    'How long a client may take to send the header section.',
  ),
  keepAliveTimeoutMs: setting(
    'REMPART_KEEP_ALIVE_TIMEOUT',
    durationMs(0, 600_000),
    72_000,
    'How long an idle connection is kept open.',
  ),
  maxConnections: setting(
    'REMPART_MAX_CONNECTIONS',
    integer(1, 1_000_000),
    10_000,
    'Open client connections at most, over all workers; beyond it new ones are closed.',
  ),
  shutdownDelayMs: setting(
    'REMPART_SHUTDOWN_DELAY',
    durationMs(0, 600_000),
    0,
    'How long a stopping server says "not ready" and still serves, so that a load balancer turns away first.',
  ),
  shutdownTimeoutMs: setting(
    'REMPART_SHUTDOWN_TIMEOUT',
    durationMs(100, 600_000),
    15_000,
    'How long a graceful stop waits for requests in flight.',
  ),
} as const

type Values = ValuesOf<typeof settings>

/** The validated configuration. `secretKey` is absent only in the embedded mode, where the data directory keeps one. */
export type Config = Readonly<Omit<Values, 'dataDir' | 'defaultTenant'>> & {
  /** Absolute path. */
  readonly dataDir: string
  readonly defaultTenant: string | undefined
  readonly embedded: boolean
  readonly production: boolean
}

/** Every fault of the configuration at once. The message names settings and rules, never a value. */
export class ConfigError extends Error {
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((f) => `  - ${f}`).join('\n')}`,
    )
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/** Settings by name, as a process gets them. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads, validates and freezes the configuration: `process.env` over a `.env` file in the working directory.
 *
 * @throws ConfigError with every fault found, when there is one.
 */
export function loadConfig(environment: Environment = environmentWithFile()): Config {
  const faults: string[] = []
  const values = readSettings(environment, faults)
  const production = environment['NODE_ENV'] === 'production'
  const embedded = values.databaseUrl === undefined
  faults.push(...unknownNames(environment), ...weaknesses(values, { production, embedded }))
  if (faults.length > 0) throw new ConfigError(faults)

  const dataDir = resolve(values.dataDir)
  const isNamed = (environment['REMPART_PUBLIC_URL'] ?? '') !== ''
  // A first try on another port is to find its own links, and its pages their own origin. Of processes that share a
  // database nobody knows which one the public asks, and all are to believe the tokens of each other.
  const isFirstTry = embedded && !isNamed && values.port !== 0
  const publicUrl = isFirstTry ? `http://localhost:${values.port}` : values.publicUrl
  const defaultTenant = values.defaultTenant ?? (embedded ? 'demo' : undefined)
  return Object.freeze({ ...values, dataDir, publicUrl, defaultTenant, embedded, production })
}

/** The process environment over what a `.env` file in the working directory says. */
export function environmentWithFile(): Environment {
  const fromFile = existsSync('.env') ? parseEnv(readFileSync('.env', 'utf8')) : {}
  return { ...fromFile, ...process.env }
}

type ValuesOf<S> = { -readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never }

/** Some of the settings, and every fault of theirs. */
export function readSomeSettings<S extends Readonly<Record<string, Setting<unknown>>>>(
  environment: Environment,
  some: S,
) {
  const faults: string[] = []
  return { values: readEach(environment, some, faults), faults }
}

const readSettings = (environment: Environment, faults: string[]): Values => readEach(environment, settings, faults)

function readEach<S extends Readonly<Record<string, Setting<unknown>>>>(
  environment: Environment,
  some: S,
  faults: string[],
): ValuesOf<S> {
  const values: Record<string, unknown> = {}
  for (const [key, each] of Object.entries(some)) {
    const raw = rawValue(environment, each, faults)
    if (raw === undefined || raw === '') {
      values[key] = each.fallback
      continue
    }
    const parsed = each.read(raw)
    if ('fault' in parsed) faults.push(`${each.name} ${parsed.fault}`)
    values[key] = 'fault' in parsed ? each.fallback : parsed.value
  }
  // Every key was assigned above with the type its reader returns.
  return values as ValuesOf<S>
}

function rawValue(environment: Environment, each: Setting<unknown>, faults: string[]): string | undefined {
  const direct = environment[each.name]
  const path = each.secret ? environment[`${each.name}_FILE`] : undefined
  if (path === undefined || path === '') return direct
  if (direct !== undefined && direct !== '') {
    faults.push(`${each.name} and ${each.name}_FILE are both set: keep one`)
    return direct
  }
  try {
    const text = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    // Whoever names a file means it to hold something, but for former secrets, of which there may be none.
    if (text.trim() === '' && each.name !== settings.previousSecretKeys.name)
      faults.push(`${each.name}_FILE names a file that is empty`)
    return text
  } catch {
    faults.push(`${each.name}_FILE names a file that cannot be read`)
    return undefined
  }
}

function unknownNames(environment: Environment): string[] {
  const known = new Set(
    Object.values(settings).flatMap((each) => (each.secret ? [each.name, `${each.name}_FILE`] : [each.name])),
  )
  return Object.keys(environment)
    .filter((name) => name.startsWith('REMPART_') && !name.startsWith('REMPART_TEST_') && !known.has(name))
    .map((name) => `${name} is not a setting of this version; see docs/reference/config.md`)
}

function weaknesses(values: Values, mode: { production: boolean; embedded: boolean }): string[] {
  const faults: string[] = []
  if (values.secretKey === undefined && !mode.embedded) {
    faults.push(
      'REMPART_SECRET_KEY is required with REMPART_DATABASE_URL: 32 random bytes or more (openssl rand -base64 48)',
    )
  }
  if (values.secretKey !== undefined) {
    const fault = secretStrengthFault(values.secretKey)
    if (fault !== undefined) faults.push(`REMPART_SECRET_KEY ${fault}`)
  }
  faults.push(...missingPartners(values))
  if (values.countryHeader !== undefined && values.trustedProxies.length === 0) {
    faults.push('REMPART_COUNTRY_HEADER is believed from trusted proxies only: set REMPART_TRUSTED_PROXIES')
  }
  return mode.production ? [...faults, ...productionWeaknesses(values)] : faults
}

/** Settings that make sense with another one only. */
function missingPartners(values: Values): string[] {
  const faults: string[] = []
  if (values.guardStore === 'redis' && values.redisUrl === undefined) {
    faults.push('REMPART_REDIS_URL is required with REMPART_GUARD_STORE=redis')
  }
  if (values.workers > 1 && values.guardStore === 'memory') {
    faults.push('REMPART_GUARD_STORE must not be memory with REMPART_WORKERS: each process would admit the whole limit')
  }
  if (values.workers > 1 && !values.run.includes('api')) {
    faults.push('REMPART_WORKERS is for processes that serve: with REMPART_RUN=jobs it must be 1')
  }
  if (values.smtp !== undefined && values.mailFrom === undefined) {
    faults.push('REMPART_MAIL_FROM is required with REMPART_SMTP_URL')
  }
  if (values.headersTimeoutMs > values.requestTimeoutMs) {
    faults.push('REMPART_HEADERS_TIMEOUT must not be longer than REMPART_REQUEST_TIMEOUT')
  }
  return faults
}

/** Names of settings whose secret, or the password in whose URL, is a default or an example. Their values are in no message. */
export function weakSecrets(values: Partial<Values>): readonly string[] {
  const { metricsToken, redisUrl: redis, smtp } = values
  const passwords: Readonly<Record<string, string | undefined>> = {
    REMPART_DATABASE_URL: passwordIn(values.databaseUrl),
    REMPART_DATABASE_WORKER_URL: passwordIn(values.databaseWorkerUrl),
    REMPART_DATABASE_OWNER_URL: passwordIn(values.databaseOwnerUrl),
    REMPART_REDIS_URL: redis?.password,
    REMPART_SMTP_URL: smtp?.auth?.pass,
    REMPART_METRICS_TOKEN: metricsToken,
  }
  return Object.keys(passwords).filter((name) => passwords[name] !== undefined && isGuessable(passwords[name] ?? ''))
}

/** Undefined where there is none, and another way to sign in. */
function passwordIn(url: string | undefined): string | undefined {
  const password = url === undefined ? '' : (URL.parse(url)?.password ?? '')
  return password === '' ? undefined : decodeURIComponent(password)
}

function productionWeaknesses(values: Values): string[] {
  const faults = weakSecrets(values).map((name) => `${name} must not hold a default or an example secret in production`)
  faults.push(
    ...(['vaultUrl', 'infisicalUrl', 'awsEndpoint'] as const).flatMap((key) => {
      const url = values[key]
      return url !== undefined && isSentInClear(url) ? [`${settings[key].name} must be https in production`] : []
    }),
  )
  if (isSentInClear(values.abuseIpDbUrl)) faults.push('REMPART_ABUSEIPDB_URL must be https in production')
  if (values.allowedOrigins.includes('*')) faults.push('REMPART_ALLOWED_ORIGINS must not be a wildcard in production')
  if (values.trustedHosts.includes('*')) faults.push('REMPART_TRUSTED_HOSTS must not be a wildcard in production')
  if (isSentInClear(values.publicUrl)) faults.push('REMPART_PUBLIC_URL must be https in production')
  return faults
}

function isSentInClear(url: string): boolean {
  return !url.startsWith('https://') && !/^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostName(url))
}
