export { type ApiKey, createApiKey, listApiKeys, revokeApiKey } from '../modules/api-keys/service.ts'
