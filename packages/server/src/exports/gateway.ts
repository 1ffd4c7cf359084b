export { openGatewayStore } from '../gateway-store.ts'
export { type RedisTarget, redisUrl } from '../redis-url.ts'
