import { ConfigError, type Environment, readSomeSettings, settings } from '../config.ts'
import { createAwsStore } from './aws.ts'
import { createInfisicalStore } from './infisical.ts'
import type { SecretStore } from './store.ts'
import { createVaultStore } from './vault.ts'

const { secretStore, vaultUrl, vaultPath, vaultToken, vaultRoleId, vaultSecretId, vaultNamespace } = settings
const { awsSecretId, awsRegion, awsEndpoint } = settings
const { infisicalUrl, infisicalProject, infisicalEnvironment, infisicalPath } = settings
const { infisicalClientId, infisicalClientSecret } = settings
const ofStores = {
  ...{ secretStore, vaultUrl, vaultPath, vaultToken, vaultRoleId, vaultSecretId, vaultNamespace },
  ...{ awsSecretId, awsRegion, awsEndpoint },
  ...{ infisicalUrl, infisicalProject, infisicalEnvironment, infisicalPath, infisicalClientId, infisicalClientSecret },
}

type Values = ReturnType<typeof readSomeSettings<typeof ofStores>>['values']

/**
 * The store that the environment names; undefined when it names none. It is not asked yet.
 *
 * @throws ConfigError with every setting of it that is missing or wrong.
 */
export function openSecretStore(environment: Environment): SecretStore | undefined {
  const { values, faults } = readSomeSettings(environment, ofStores)
  if (values.secretStore === 'none' && faults.length === 0) return undefined
  const needs = needsOf(values)
  faults.push(...needs.missing.map((name) => `${name} is required with REMPART_SECRET_STORE=${values.secretStore}`))
  const store = needs.open?.()
  if (faults.length > 0 || (store === undefined && values.secretStore !== 'none')) throw new ConfigError(faults)
  return store
}

interface Needs {
  readonly missing: readonly string[]
  /** Absent while something is missing. */
  readonly open: (() => SecretStore) | undefined
}

function needsOf(values: Values): Needs {
  switch (values.secretStore) {
    case 'none':
      return { missing: [], open: undefined }
    case 'vault':
      return vaultNeeds(values)
    case 'aws': {
      const { awsSecretId: secretId, awsRegion: region, awsEndpoint: endpoint } = values
      if (secretId === undefined) return { missing: ['REMPART_AWS_SECRET_ID'], open: undefined }
      return { missing: [], open: () => createAwsStore({ secretId, region, endpoint }) }
    }
    case 'infisical':
      return infisicalNeeds(values)
  }
}

function vaultNeeds(values: Values): Needs {
  const { vaultUrl: url, vaultPath: path, vaultNamespace: namespace, vaultToken: token } = values
  const credential = token === undefined ? roleOf(values) : { token }
  if (url === undefined || path === undefined || credential === undefined) {
    const missing = [
      ...(url === undefined ? ['REMPART_VAULT_URL'] : []),
      ...(path === undefined ? ['REMPART_VAULT_PATH'] : []),
      ...(credential === undefined ? ['REMPART_VAULT_TOKEN (or _ROLE_ID and _SECRET_ID)'] : []),
    ]
    return { missing, open: undefined }
  }
  return { missing: [], open: () => createVaultStore({ url, path, namespace, credential }) }
}

function roleOf({ vaultRoleId: roleId, vaultSecretId: secretId }: Values) {
  return roleId === undefined || secretId === undefined ? undefined : { roleId, secretId }
}

function infisicalNeeds(values: Values): Needs {
  const { infisicalUrl: url, infisicalEnvironment: environment, infisicalPath: path } = values
  const { infisicalProject: projectId, infisicalClientId: clientId, infisicalClientSecret: clientSecret } = values
  if (projectId === undefined || clientId === undefined || clientSecret === undefined) {
    const missing = [
      ...(projectId === undefined ? ['REMPART_INFISICAL_PROJECT'] : []),
      ...(clientId === undefined ? ['REMPART_INFISICAL_CLIENT_ID'] : []),
      ...(clientSecret === undefined ? ['REMPART_INFISICAL_CLIENT_SECRET'] : []),
    ]
    return { missing, open: undefined }
  }
  return {
    missing: [],
    open: () => createInfisicalStore({ url, environment, path, projectId, clientId, clientSecret }),
  }
}
