import type { FormField } from '../definition/schema.ts'

/** What a field of this name usually asks of the person who fills it in. HTML, autofill detail tokens. */
const tokens: readonly (readonly [names: RegExp, token: string])[] = [
  [/^(full|your)?name$|^nom(complet)?$/, 'name'],
  [/^(first|given)name$|^prenom$/, 'given-name'],
  [/^(last|family)name$|^surname$|^nomdefamille$/, 'family-name'],
  [/^company(name)?$|^organi[sz]ation$|^(entreprise|societe)$/, 'organization'],
  [/^(job|job_?title|role|poste|fonction)$/, 'organization-title'],
  [/^(street)?address$|^adresse$/, 'street-address'],
  [/^(post(al)?code|zip(code)?|codepostal)$/, 'postal-code'],
  [/^(city|town|ville)$/, 'address-level2'],
  [/^(country(name)?|pays)$/, 'country-name'],
  [/^(website|url|siteweb)$/, 'url'],
  [/^(birth(day|date)|dateofbirth|datedenaissance)$/, 'bday'],
]

/**
 * The `autocomplete` of a field, so that browsers and assistive tools can fill in what they know (WCAG 1.3.5). A
 * definition says no purpose: type and name do.
 */
export function autocompleteOf({ type, name }: Pick<FormField, 'type' | 'name'>): string | undefined {
  if (type === 'email') return 'email'
  if (type === 'phone') return 'tel'
  if (type === 'number' || type === 'choice' || type === 'consent') return undefined
  const plain = name.toLowerCase().replaceAll('_', '')
  const token = tokens.find(([names]) => names.test(plain))?.[1]
  if (type === 'date') return token === 'bday' ? token : undefined
  return token === 'bday' ? undefined : token
}

/** Whether a field asks for a name, which people expect before their address. */
export const asksForName = (field: FormField): boolean =>
  ['name', 'given-name', 'family-name'].includes(autocompleteOf(field) ?? '')
