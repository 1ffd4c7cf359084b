import type { Config } from './config.ts'
import type { Clock } from './core/context.ts'
import { createBreachCheck } from './core/credentials/hibp.ts'
import { createPasswordHasher } from './core/credentials/password-hasher.ts'
import { hasherOptions } from './core/credentials/password-settings.ts'
import { createKeyRing } from './core/credentials/sealing.ts'
import { createKnownDevices } from './core/identity/known-device.ts'
import { createMailQueue } from './core/mail/outbox.ts'
import { createMailKeys } from './core/mail/sealed-mail.ts'
import type { OutboundFactory } from './core/outbound/outbound.ts'
import { createPublicFetch } from './core/outbound/public-fetch.ts'
import { createSteadyFetch } from './core/outbound/steady-fetch.ts'
import { deriveKeys, keyLabels, type Masters } from './core/secrets.ts'
import type { AccessTokens } from './core/tokens/access-token.ts'

type OAuthSetting = 'allowPrivateIdp' | 'githubUrl' | 'githubApiUrl' | 'publicUrl'

type PasswordSetting = 'passwordCosts' | 'passwordPeppers' | 'legacyBcryptCost'

/** What the modules of identity share: one of each in a process. */
export function createIdentityParts(dependencies: {
  readonly config: Pick<Config, PasswordSetting | 'checkBreaches' | 'breachesUrl' | 'registration' | OAuthSetting>
  readonly masters: Masters
  readonly clock: Clock
  readonly accessTokens: AccessTokens
  readonly outbound: OutboundFactory
}) {
  const { config, masters, clock, accessTokens, outbound } = dependencies
  return {
    accessTokens,
    kit: { accessTokens, clock, clientRing: createKeyRing(masters, keyLabels.sessionMetadata) },
    hasher: createPasswordHasher(
      hasherOptions({
        costs: config.passwordCosts,
        peppers: config.passwordPeppers,
        legacyBcryptCost: config.legacyBcryptCost,
      }),
    ),
    breachCheck:
      config.checkBreaches === 'on' ? createBreachCheck({ baseUrl: config.breachesUrl, outbound }) : undefined,
    devices: createKnownDevices(...deriveKeys(masters, keyLabels.knownDevice)),
    mail: createMailQueue(createMailKeys(masters)),
    totpRing: createKeyRing(masters, keyLabels.totpSecret),
    pendingRing: createKeyRing(masters, keyLabels.registration),
    oauthRing: createKeyRing(masters, keyLabels.identityProviders),
    fetchPublic: createSteadyFetch(createPublicFetch({ allowLoopback: config.allowPrivateIdp === 'on' }), outbound),
    allowsHttp: config.allowPrivateIdp === 'on',
    github: { web: config.githubUrl.replace(/\/$/, ''), api: config.githubApiUrl.replace(/\/$/, '') },
    publicUrl: config.publicUrl,
    isOpen: config.registration === 'open',
  }
}
