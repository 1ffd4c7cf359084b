import { isScope } from '../access/access.ts'
import { html, type Markup } from '../pages/html.ts'
import type { ExampleSchema } from './example.ts'

/** The parts of the whole document that the page shows. */
export interface ShownDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string }
  readonly servers?: readonly { readonly url: string }[]
  readonly tags?: readonly { readonly name: string; readonly description?: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, ShownOperation>>>>
  readonly components: {
    readonly schemas?: Readonly<Record<string, ShownSchema>>
    readonly parameters?: Readonly<Record<string, ShownParameter>>
    readonly responses?: Readonly<Record<string, ShownResponse>>
    readonly securitySchemes?: Readonly<Record<string, { readonly description?: string }>>
  }
}

type ShownSchema = ExampleSchema & { readonly description?: string; readonly additionalProperties?: unknown }

interface Reference {
  readonly $ref?: string
}

interface ShownMedia {
  readonly schema?: ShownSchema
  readonly example?: unknown
}

interface ShownParameter extends Reference {
  readonly name?: string
  readonly in?: string
  readonly required?: boolean
  readonly description?: string
  readonly schema?: ShownSchema
}

interface ShownResponse extends Reference {
  readonly description?: string
  readonly content?: Readonly<Record<string, ShownMedia>>
}

interface ShownOperation {
  readonly operationId?: string
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly parameters?: readonly ShownParameter[]
  readonly requestBody?: { readonly content?: Readonly<Record<string, ShownMedia>> }
  readonly responses?: Readonly<Record<string, ShownResponse>>
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
  readonly 'x-access'?: string
  readonly 'x-guard'?: string
}

interface Entry {
  readonly method: string
  readonly path: string
  readonly operation: ShownOperation
}

/**
 * The document as one page that needs no script: contents, every operation with its parameters, body, answers and a
 * command to try it with, and every schema.
 *
 * @param addresses.document - Where the document itself is.
 * @param addresses.style - Where the style sheet is.
 */
export function docsPage(
  document: ShownDocument,
  addresses: { readonly document: string; readonly style: string },
): string {
  const entries = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  )
  const groups = (document.tags ?? [])
    .map((tag) => ({ ...tag, entries: entries.filter(({ operation }) => operation.tags?.includes(tag.name) === true) }))
    .filter((group) => group.entries.length > 0)
  const { info } = document
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${info.title} API ${info.version}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${addresses.style}">
</head>
<body>
<nav aria-label="Operations">
<p class="product"><a href="#top">${info.title}</a> <span>${info.version}</span></p>
${groups.map(
  (group) => html`<h2><a href="#tag-${group.name}">${group.name}</a></h2>
<ul>${group.entries.map(
    ({ method, operation }) =>
      html`<li><a href="#${operation.operationId}"><span class="method ${method.toLowerCase()}">${method}</span> ${operation.summary}</a></li>`,
  )}</ul>`,
)}
<h2><a href="#schemas">Schemas</a></h2>
</nav>
<main id="top">
<h1>${info.title} API</h1>
${prose(info.description)}
<p>Base address: <code>${document.servers?.[0]?.url}</code>. The same as <a href="${addresses.document}">an OpenAPI 3.1 document</a>.</p>
<h2>Credentials</h2>
<dl>${Object.entries(document.components.securitySchemes ?? {}).map(
    ([name, scheme]) => html`<dt><code>${name}</code></dt><dd>${inline(scheme.description)}</dd>`,
  )}</dl>
${groups.map(
  (group) => html`<section aria-labelledby="tag-${group.name}">
<h2 id="tag-${group.name}">${group.name}</h2>
${prose(group.description)}
${group.entries.map((entry) => operationBlock(entry, document))}
</section>`,
)}
<section aria-labelledby="schemas">
<h2 id="schemas">Schemas</h2>
${Object.entries(document.components.schemas ?? {}).map(
  ([name, schema]) => html`<details><summary><code>${name}</code></summary>
<div id="schema-${name}">${prose(schema.description)}${schemaTable(schema)}</div></details>`,
)}
</section>
</main>
</body>
</html>
`.text
}

/** Paragraphs with `code` in them. */
function prose(text: string | undefined): Markup[] {
  return (text ?? '')
    .split('\n\n')
    .filter((paragraph) => paragraph !== '')
    .map((paragraph) => html`<p>${inline(paragraph)}</p>`)
}

function inline(text: string | undefined): Markup[] {
  return (text ?? '').split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : html`${part}`))
}

function operationBlock({ method, path, operation }: Entry, document: ShownDocument): Markup {
  const parameters = (operation.parameters ?? []).map((each) => followed(each, document.components.parameters))
  const responses = Object.entries(operation.responses ?? {}).map(
    ([status, response]) => [status, followed(response, document.components.responses)] as const,
  )
  // A link opens what it leads to only where the target is inside the closed part.
  return html`<details>
<summary><span class="method ${method.toLowerCase()}">${method}</span> <code>${path}</code> <span class="title">${operation.summary}</span></summary>
<div id="${operation.operationId}">
${prose(operation.description)}
<p class="facts">${accessSentence(operation)} ${guardSentence(operation['x-guard'])}</p>
<h4>Parameters</h4>
${parameterTable(parameters)}
${Object.entries(operation.requestBody?.content ?? {}).map(
  ([type, media]) => html`<h4>Body <code>${type}</code></h4>
<p>${typeOf(media.schema)}</p>${example(media)}`,
)}
<h4>Try it</h4>
<pre><code>${command({ method, path, operation }, parameters, document)}</code></pre>
<h4>Answers</h4>
<table><thead><tr><th scope="col">Status</th><th scope="col">Meaning</th><th scope="col">Content</th></tr></thead><tbody>
${responses.map(
  ([status, response]) =>
    html`<tr><th scope="row"><code>${status}</code></th><td>${inline(response.description)}</td><td>${contentTypes(response)}</td></tr>`,
)}
</tbody></table>
${responses
  .filter(([status]) => status.startsWith('2'))
  .flatMap(([, response]) => Object.values(response.content ?? {}).map(example))}
</div>
</details>`
}

function accessSentence({ 'x-access': access = 'none', security = [] }: ShownOperation): Markup {
  if (access === 'none') return html`Anybody may call it.`
  const [keyScope] = security.flatMap((scheme) => Object.values(scheme).flat())
  if (access === 'public' && keyScope !== undefined)
    return html`Anybody may call it, for a tenant; an API key with the scope <code>${keyScope}</code> is told more.`
  if (access === 'public') return html`Anybody may call it, for a tenant.`
  if (access === 'session') return html`Needs a person who is signed in.`
  if (!isScope(access)) return html`Needs a person whose roles grant <code>${access}</code>.`
  return html`Needs an API key with the scope <code>${access}</code>, or a person whose roles grant it.`
}

function guardSentence(policy = 'none'): Markup {
  return policy === 'none' ? html`It is not limited.` : html`Limited by the policy <code>${policy}</code>.`
}

function followed<T extends Reference>(value: T, table: Readonly<Record<string, T>> | undefined): T {
  return value.$ref === undefined ? value : (table?.[value.$ref.slice(value.$ref.lastIndexOf('/') + 1)] ?? value)
}

function parameterTable(parameters: readonly ShownParameter[]): Markup {
  return html`<table><thead><tr><th scope="col">Name</th><th scope="col">In</th><th scope="col">Type</th><th scope="col">What it is</th></tr></thead><tbody>
${parameters.map(
  (parameter) =>
    html`<tr><th scope="row"><code>${parameter.name}</code>${parameter.required === true ? html` <em>required</em>` : undefined}</th><td>${parameter.in}</td><td>${typeOf(parameter.schema)}</td><td>${inline(parameter.description)}</td></tr>`,
)}
</tbody></table>`
}

function contentTypes({ content = {} }: ShownResponse): Markup[] {
  return Object.entries(content).map(([type, media]) => html`<code>${type}</code> ${typeOf(media.schema)} `)
}

function example(media: ShownMedia): Markup | undefined {
  if (media.example === undefined) return undefined
  const text = typeof media.example === 'string' ? media.example : JSON.stringify(media.example, null, 2)
  return html`<pre><code>${text}</code></pre>`
}

function schemaTable(schema: ShownSchema): Markup {
  const properties = Object.entries(schema.properties ?? {}) as [string, ShownSchema][]
  if (properties.length === 0) return html`<p>${typeOf(schema)}</p>`
  return html`<table><thead><tr><th scope="col">Member</th><th scope="col">Type</th><th scope="col">What it is</th></tr></thead><tbody>
${properties.map(
  ([name, property]) =>
    html`<tr><th scope="row"><code>${name}</code>${schema.required?.includes(name) === true ? html` <em>required</em>` : undefined}</th><td>${typeOf(property)}</td><td>${inline(property.description)}</td></tr>`,
)}
</tbody></table>`
}

/** What a value is, in few words: `string, 1 to 200 characters`. References lead to their schema. */
function typeOf(schema: ShownSchema | undefined, depth = 0): Markup {
  if (schema === undefined || depth > 3) return html`any`
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1)
    return html`<a href="#schema-${name}">${name}</a>`
  }
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return joined(choices.map((choice) => typeOf(choice, depth + 1)))
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`
  if (schema.enum !== undefined)
    return joined(schema.enum.map((option) => html`<code>${JSON.stringify(option)}</code>`))
  if (schema.items !== undefined) return html`list of ${typeOf(schema.items, depth + 1)}`
  return html`${[schema.type ?? 'any'].flat().join(' or ')}${limits(schema)}`
}

function joined(parts: readonly Markup[]): Markup {
  return html`${parts.map((part, index) => (index === 0 ? part : html` or ${part}`))}`
}

function limits(schema: ShownSchema): string {
  const { format, minLength, maxLength, minimum, maximum } = schema
  const range = (least: number | undefined, most: number | undefined, unit: string): string => {
    if (least === undefined && most === undefined) return ''
    if (most === undefined) return `, ${least} or more${unit}`
    return `, ${least === undefined ? 'at most' : `${least} to`} ${most}${unit}`
  }
  return `${format === undefined ? '' : `, ${format}`}${range(minLength, maxLength, ' characters')}${range(minimum, maximum, '')}`
}

/** A curl command that a reader can paste: parameters of the path filled in, the key as a variable. */
function command(
  { method, path, operation }: Entry,
  parameters: readonly (ShownParameter & { example?: unknown })[],
  document: ShownDocument,
): string {
  const filled = parameters
    .filter((parameter) => parameter.in === 'path')
    .reduce((url, { name, example: value }) => url.replace(`{${name}}`, encodeURIComponent(String(value))), path)
  const access = operation['x-access'] ?? 'none'
  const [type, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? []
  const lines = [
    `curl ${method === 'GET' ? '' : `-X ${method} `}'${document.servers?.[0]?.url ?? ''}${filled}'`,
    ...(access === 'none' || access === 'public'
      ? []
      : [`-H "Authorization: Bearer ${isScope(access) ? '$REMPART_API_KEY' : '$REMPART_ACCESS_TOKEN'}"`]),
    ...(type === undefined
      ? []
      : [`-H 'Content-Type: ${type}'`, `-d '${JSON.stringify(media?.example).replaceAll("'", "'\\''")}'`]),
  ]
  return lines.join(' \\\n  ')
}
