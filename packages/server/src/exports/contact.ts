export { type ContactMessage, ContactStatus } from '../modules/contact/schema.ts'
export { deleteMessage, listMessages, readMessage } from '../modules/contact/service.ts'
