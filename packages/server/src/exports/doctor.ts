export { examine } from '../doctor/examine.ts'
export type { Facts, Finding } from '../doctor/finding.ts'
