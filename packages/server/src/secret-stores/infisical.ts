import { optionalPackage, type SecretStore, SecretStoreRefusal, settingsOf } from './store.ts'

export interface InfisicalSettings {
  /** Origin, such as `https://app.infisical.com`. */
  readonly url: string
  readonly projectId: string
  /** Slug, such as `prod`. */
  readonly environment: string
  /** Folder, such as `/`. */
  readonly path: string
  /** Of a machine identity with Universal Auth. */
  readonly clientId: string
  readonly clientSecret: string
}

/** Infisical, in its cloud or one's own. @see https://infisical.com/docs/sdks/languages/node */
export function createInfisicalStore(settings: InfisicalSettings): SecretStore {
  const { url, projectId, environment, path, clientId, clientSecret } = settings
  return {
    place: `Infisical at ${environment}:${path}`,
    async readAll(signal) {
      const { InfisicalSDK } = await optionalPackage('@infisical/sdk', () => import('@infisical/sdk'))
      await assertNoDetour(url, signal)
      try {
        const client = new InfisicalSDK({ siteUrl: url })
        await client.auth().universalAuth.login({ clientId, clientSecret })
        const { secrets } = await client.secrets().listSecrets({
          projectId,
          environment,
          secretPath: path,
          expandSecretReferences: true,
          viewSecretValue: true,
        })
        return settingsOf(valuesOf(secrets))
      } catch (error) {
        throw explained(error)
      }
    },
  }
}

/**
 * The SDK follows redirects, 307 and 308 with the client secret in the body: where the host sends its callers on, that is
 * noticed before there is anything to be sent along.
 */
async function assertNoDetour(url: string, signal: AbortSignal): Promise<void> {
  const { status, body } = await fetch(`${url}/api/status`, { redirect: 'manual', signal })
  await body?.cancel()
  if (status >= 300 && status < 400) {
    throw new SecretStoreRefusal(`answered ${status}: set REMPART_INFISICAL_URL to where it sends its callers`)
  }
}

function valuesOf(secrets: unknown): object {
  if (!Array.isArray(secrets)) throw new SecretStoreRefusal('answered something else than a list of secrets')
  return Object.fromEntries(
    secrets.map(Object).map(({ secretKey, secretValue }) => [String(secretKey), secretValue] as const),
  )
}

/** The SDK quotes what the server said; of that, only the status is told. */
function explained(error: unknown): unknown {
  if (error instanceof SecretStoreRefusal) return error
  const status = Number(/\[StatusCode=(\d{3})\]/.exec(String(error))?.[1] ?? 0)
  if (status === 401 || status === 403) {
    return new SecretStoreRefusal(`answered ${status}: the machine identity is not valid, or may not read there`)
  }
  if (status === 404) return new SecretStoreRefusal('answered 404: no such project, environment or path')
  if (status >= 400 && status < 500 && status !== 429) return new SecretStoreRefusal(`answered ${status}`)
  return new Error(status === 0 ? 'gave no answer' : `answered ${status}`)
}
