import { type SecretStore, SecretStoreRefusal, settingsOf } from './store.ts'

export interface VaultSettings {
  /** Origin, such as `https://vault.example.org:8200`. */
  readonly url: string
  /** Mount and path, such as `secret/rempart`. */
  readonly path: string
  readonly namespace: string | undefined
  readonly credential: { readonly token: string } | { readonly roleId: string; readonly secretId: string }
}

/** A place with settings is a few kilobytes. */
const mostBytes = 1_048_576

/**
 * Version 2 of the key-value engine of HashiCorp Vault or OpenBao, by token or AppRole.
 *
 * @see https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version
 */
export function createVaultStore({ url, path, namespace, credential }: VaultSettings): SecretStore {
  const [mount = '', ...rest] = path.split('/').map(encodeURIComponent)
  const common = { 'x-vault-request': 'true', ...(namespace !== undefined && { 'x-vault-namespace': namespace }) }

  async function ask(
    request: { readonly at: string; readonly token?: string; readonly body?: object },
    signal: AbortSignal,
  ) {
    const { at, token, body } = request
    const response = await fetch(`${url}/v1/${at}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { ...common, ...(token !== undefined && { 'x-vault-token': token }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // The token goes to nobody else.
      redirect: 'error',
      signal,
    })
    if (!response.ok) {
      await response.body?.cancel()
      throw refusalOf(response.status, token === undefined)
    }
    return parse(await boundedText(response))
  }

  async function tokenFor(signal: AbortSignal): Promise<string> {
    if ('token' in credential) return credential.token
    const body = { role_id: credential.roleId, secret_id: credential.secretId }
    const token = member(member(await ask({ at: 'auth/approle/login', body }, signal), 'auth'), 'client_token')
    if (typeof token !== 'string') throw new SecretStoreRefusal('gave no token for the AppRole')
    return token
  }

  return {
    place: `Vault at ${path}`,
    async readAll(signal) {
      const token = await tokenFor(signal)
      const answer = await ask({ at: [mount, 'data', ...rest].join('/'), token }, signal)
      return settingsOf(member(member(answer, 'data'), 'data'))
    },
  }
}

/** A sealed or standby node, a full one and a broken one may answer otherwise in a moment. */
function refusalOf(status: number, isLogin: boolean): Error {
  if (status === 429 || status >= 500) return new Error(`answered ${status}`)
  if (isLogin)
    return new SecretStoreRefusal(`answered ${status} to the AppRole: role id, secret id or namespace is wrong`)
  if (status === 403) return new SecretStoreRefusal('answered 403: the token is not valid, or may not read there')
  if (status === 404) {
    return new SecretStoreRefusal('answered 404: nothing is there, or the engine is not version 2 of key-value')
  }
  return new SecretStoreRefusal(`answered ${status}`)
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > mostBytes) throw new SecretStoreRefusal('answered without end')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser would quote what it read.
    throw new SecretStoreRefusal('answered something that is no JSON: is there a Vault at this address?')
  }
}

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
