export { GatewayOptionError, type GatewayOptions } from './config.ts'
export { createGateway, type Gateway } from './gateway.ts'
export type { Tally } from './tally.ts'
