export type { SecurityEvent, SecurityEventDetail } from '../modules/security-events/schema.ts'
export { listSecurityEvents, readSecurityEvent } from '../modules/security-events/service.ts'
