export { exportLeads } from '../modules/leads/export.ts'
export { type Lead, LeadStatus } from '../modules/leads/schema.ts'
export { listLeadNotes, listLeads, readLead, readLeadQuota } from '../modules/leads/service.ts'
