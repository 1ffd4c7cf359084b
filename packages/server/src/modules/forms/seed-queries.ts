import type { Tx } from '../../database/tenant.ts'

/** Makes a form whose first version is published, in three statements of one transaction. */
export async function insertPublishedForm(
  tx: Tx,
  form: {
    readonly tenantId: string
    readonly id: string
    readonly slug: string
    readonly name: string
    readonly definition: object
  },
): Promise<void> {
  await tx
    .insertInto('form')
    .values({ tenant_id: form.tenantId, id: form.id, slug: form.slug, name: form.name })
    .execute()
  await tx
    .insertInto('form_version')
    .values({
      tenant_id: form.tenantId,
      form_id: form.id,
      version: 1,
      definition: JSON.stringify(form.definition),
      published_at: new Date(),
    })
    .execute()
  await tx.updateTable('form').set({ published_version: 1 }).where('id', '=', form.id).execute()
}
