import { authentication } from './authentication.ts'
import { encodingAndValidation } from './encoding.ts'
import { cryptographyAndConfiguration, dataAndLogs } from './operation.ts'
import type { Requirement } from './requirement.ts'
import { sessionsAndAccess, tokensAndProviders } from './sessions.ts'
import { webAndFiles } from './web.ts'

/** What is said of each requirement, in the order of the standard. */
export const requirements: readonly Requirement[] = [
  ...encodingAndValidation,
  ...webAndFiles,
  ...authentication,
  ...sessionsAndAccess,
  ...tokensAndProviders,
  ...cryptographyAndConfiguration,
  ...dataAndLogs,
]
