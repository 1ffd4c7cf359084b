export { DefinitionFileError, formatDefinition, parseDefinition } from '../modules/forms/definition-file.ts'
export type { Form, FormDetail } from '../modules/forms/schema.ts'
export {
  addFormVersion,
  changeForm,
  createForm,
  type FormKey,
  listForms,
  listFormVersions,
  publishForm,
  readForm,
  readFormVersion,
  unpublishForm,
} from '../modules/forms/service.ts'
