export type { ResourceChange } from '../modules/resources/schema.ts'
export {
  changeResource,
  createResource,
  deleteResource,
  listResources,
  readResource,
  restoreResource,
} from '../modules/resources/service.ts'
