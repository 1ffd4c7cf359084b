import type { Config } from './config.ts'
import type { Clock } from './core/context.ts'
import { createBreachCheck } from './core/credentials/hibp.ts'
import { createPasswordHasher } from './core/credentials/password-hasher.ts'
import { createKeyRing } from './core/credentials/sealing.ts'
import { createKnownDevices } from './core/identity/known-device.ts'
import { createMailQueue } from './core/mail/outbox.ts'
import { createMailKeys } from './core/mail/sealed-mail.ts'
import { deriveKey, keyLabels } from './core/secrets.ts'
import type { AccessTokens } from './core/tokens/access-token.ts'

/** What the modules of identity share: one of each in a process. */
export function createIdentityParts(dependencies: {
  readonly config: Pick<Config, 'checkBreaches' | 'breachesUrl' | 'registration'>
  readonly master: Buffer
  readonly clock: Clock
  readonly accessTokens: AccessTokens
}) {
  const { config, master, clock, accessTokens } = dependencies
  const masters = { current: master }
  return {
    accessTokens,
    kit: { accessTokens, clock, clientRing: createKeyRing(masters, keyLabels.sessionMetadata) },
    hasher: createPasswordHasher(),
    breachCheck: config.checkBreaches === 'on' ? createBreachCheck({ baseUrl: config.breachesUrl }) : undefined,
    devices: createKnownDevices(deriveKey(master, keyLabels.knownDevice)),
    mail: createMailQueue(createMailKeys(master)),
    totpRing: createKeyRing(masters, keyLabels.totpSecret),
    pendingRing: createKeyRing(masters, keyLabels.registration),
    isOpen: config.registration === 'open',
  }
}
