import { optionalPackage, type SecretStore, SecretStoreRefusal, settingsOf } from './store.ts'

export interface AwsSettings {
  /** Name or ARN of one secret whose text is a JSON object. */
  readonly secretId: string
  readonly region: string | undefined
  /** Instead of the public endpoint of the region. */
  readonly endpoint: string | undefined
}

/** What AWS answers to what is set wrongly, by the name of its exception. */
const refusals: Readonly<Record<string, string>> = {
  ResourceNotFoundException: 'has no secret of this name in this region',
  AccessDeniedException: 'refuses: the credentials may not call secretsmanager:GetSecretValue on it',
  DecryptionFailure: 'cannot decrypt it: the credentials may not use its KMS key',
  InvalidRequestException: 'refuses: the secret is marked for deletion',
  UnrecognizedClientException: 'does not know the credentials',
  InvalidSignatureException: 'does not accept the signature: the secret key is wrong, or the clock',
  ExpiredTokenException: 'refuses: the credentials have expired',
  CredentialsProviderError:
    'cannot be asked: no AWS credentials were found (environment, profile, container or instance)',
}

/**
 * AWS Secrets Manager, with the credentials that the AWS SDK finds by itself.
 *
 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
 */
export function createAwsStore({ secretId, region, endpoint }: AwsSettings): SecretStore {
  return {
    place: `AWS Secrets Manager at ${secretId}`,
    async readAll(signal) {
      const { SecretsManagerClient, GetSecretValueCommand } = await optionalPackage(
        '@aws-sdk/client-secrets-manager',
        () => import('@aws-sdk/client-secrets-manager'),
      )
      const client = new SecretsManagerClient({
        ...(region !== undefined && { region }),
        ...(endpoint !== undefined && { endpoint }),
        maxAttempts: 1,
      })
      try {
        const answer = await client.send(new GetSecretValueCommand({ SecretId: secretId }), { abortSignal: signal })
        return settingsOf(parse(answer.SecretString))
      } catch (error) {
        throw explained(error)
      } finally {
        client.destroy()
      }
    },
  }
}

function explained(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof SecretStoreRefusal) return error
  if (/region is missing/i.test(error.message)) return new SecretStoreRefusal('needs REMPART_AWS_REGION')
  const said = refusals[error.name]
  if (said !== undefined) return new SecretStoreRefusal(said)
  // What the SDK says of a broken answer can quote it.
  return new Error(/^[A-Za-z]{1,60}$/.test(error.name) ? `failed (${error.name})` : 'failed')
}

function parse(text: unknown): unknown {
  try {
    return JSON.parse(String(text))
  } catch {
    throw new SecretStoreRefusal('holds a secret whose text is no JSON object')
  }
}
