import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, httpClient, NoAnswer } from '../support/http-client.ts'
import type { ServerProcess } from '../support/server-process.ts'
import type { TenantWithForm } from '../support/tenant-with-form.ts'

/** No limit on what the writers do. */
export const WITHOUT_LIMITS = {
  'leads.submit': { rules: { burst: 'off' } },
  'forms.view': { rules: { burst: 'off' } },
  'contact.submit': { rules: { burst: 'off' } },
} as const

/** One lead that a visitor wants stored, and what he was told of it. */
export interface Lead {
  readonly key: string
  readonly email: string
  readonly form: TenantWithForm['form']
  /** From the form's page, where one is asked for. Kept over retries, as a browser keeps it. */
  renderToken: string | undefined
  /** `sent`: no answer yet. `stored`: 201. `refused`: the quota is used up. */
  state: 'sent' | 'stored' | 'refused'
  /** As acknowledged. */
  id: string | undefined
  /** The acknowledgement said that an earlier attempt, which got no answer, had been stored. */
  isReplay: boolean
}

/** A lead nobody sent yet. */
export function newLead(form: TenantWithForm['form']): Lead {
  const key = randomUUID()
  return {
    key,
    email: `${key}@example.org`,
    form,
    renderToken: undefined,
    state: 'sent',
    id: undefined,
    isReplay: false,
  }
}

/** One message to the contact form, which has no keys: what was not acknowledged may be stored or not. */
export interface Message {
  readonly email: string
  id: string | undefined
}

/** One request of a tenant's public. */
export interface VisitorCall {
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
}

/** Somebody who visits a tenant, over a connection of his own. */
export interface Visitor {
  /** Rejects with {@link NoAnswer}. */
  ask(call: VisitorCall, timeoutMs?: number): Promise<Answer>
  close(): void
}

export function visitor(server: Pick<ServerProcess, 'url'>, tenant: Pick<TenantWithForm, 'id'>): Visitor {
  const client = httpClient()
  return {
    ask: ({ path, headers, json }, timeoutMs = 30_000) =>
      client.call(`${server.url}${path}`, { headers: { 'x-tenant-id': tenant.id, ...headers }, json, timeoutMs }),
    close: client.close,
  }
}

/** The request that submits a lead: the same at every attempt. */
export function submission({ key, email, form, renderToken }: Lead): VisitorCall {
  return {
    path: `/api/v1/leads/forms/${form.id}/submit`,
    headers: { 'idempotency-key': key },
    json: { email, data: { who: email }, ...(renderToken !== undefined && { renderToken }) },
  }
}

/** What writers did so far. */
export interface Ledger {
  readonly leads: Lead[]
  readonly messages: Message[]
  /** Answers that no writer should ever get: a hang, a 500, a refusal of what is right. */
  readonly surprises: string[]
  /** How many leads were answered for good. */
  answered: number
  /** How often no answer came, or a 503, and the same was sent again. */
  retries: number
}

export interface Load {
  readonly ledger: Ledger
  /** Writers take no new lead, and end when the last one they took is answered. */
  stop(): Promise<void>
}

export interface LoadOptions {
  readonly leadWriters: number
  readonly messageWriters?: number
  /** Every second writer fills this form, whose page gives each lead a render token. */
  readonly tokenForm?: TenantWithForm['form']
}

/** Lets writers write, each over a connection of his own and without a pause. None gives a key up. */
export function startLoad(server: ServerProcess, tenant: TenantWithForm, options: LoadOptions): Load {
  const ledger: Ledger = { leads: [], messages: [], surprises: [], answered: 0, retries: 0 }
  const work = { isOver: false }
  const whenReady = readyGate(server)
  const writers: Promise<void>[] = []
  const start = (write: (writer: Writer) => Promise<void>): void => {
    const { ask, close } = visitor(server, tenant)
    const writer = { ask: (call: VisitorCall) => answerTo(call, ask, ledger), ledger, whenReady }
    const loop = async (): Promise<void> => {
      while (!work.isOver) await write(writer)
    }
    writers.push(loop().finally(close))
  }

  const { tokenForm } = options
  for (let index = 0; index < options.leadWriters; index += 1) {
    if (tokenForm !== undefined && index % 2 === 1) start((writer) => writeLead(newLead(tokenForm), true, writer))
    else start((writer) => writeLead(newLead(tenant.form), false, writer))
  }
  for (let index = 0; index < (options.messageWriters ?? 0); index += 1) start(writeMessage)
  return {
    ledger,
    async stop() {
      work.isOver = true
      await Promise.all(writers)
    },
  }
}

interface Writer {
  /** Nothing when no answer came, or the server was out of service. */
  readonly ask: (call: VisitorCall) => Promise<Answer | undefined>
  readonly ledger: Ledger
  readonly whenReady: () => Promise<void>
}

async function answerTo(call: VisitorCall, ask: Visitor['ask'], ledger: Ledger): Promise<Answer | undefined> {
  try {
    const answer = await ask(call)
    if (answer.status < 500) return answer
    if (answer.status !== 503) ledger.surprises.push(`${call.path}: ${answer.status} ${answer.text}`)
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    if (error.kind === 'hang') ledger.surprises.push(`${call.path}: ${error.message}`)
  }
  return undefined
}

/** Insists until the lead is answered for good. */
async function writeLead(lead: Lead, needsToken: boolean, { ask, ledger, whenReady }: Writer): Promise<void> {
  ledger.leads.push(lead)
  for (;;) {
    if (needsToken) lead.renderToken ??= await fetchToken(lead, ask)
    const isSendable = !needsToken || lead.renderToken !== undefined
    const answer = isSendable ? await ask(submission(lead)) : undefined
    if (answer !== undefined) return conclude(lead, answer, ledger)
    ledger.retries += 1
    await whenReady()
  }
}

async function fetchToken(lead: Lead, ask: Writer['ask']): Promise<string | undefined> {
  const page = await ask({ path: `/api/v1/forms/public/${lead.form.slug}` })
  return page?.status === 200 ? String(page.json()['renderToken']) : undefined
}

function conclude(lead: Lead, answer: Answer, ledger: Ledger): void {
  ledger.answered += 1
  if (answer.status === 201) {
    lead.id = String(answer.json()['id'])
    lead.isReplay = answer.headers['idempotency-replayed'] === 'true'
    lead.state = 'stored'
  } else if (answer.status === 429 && answer.json()['code'] === 'form-unavailable') {
    lead.state = 'refused'
  } else {
    ledger.surprises.push(`a lead: ${answer.status} ${answer.text}`)
  }
}

async function writeMessage({ ask, ledger, whenReady }: Writer): Promise<void> {
  const message: Message = { email: `${randomUUID()}@example.org`, id: undefined }
  ledger.messages.push(message)
  const json = { name: 'Ada', email: message.email, message: 'Is anybody there?' }
  const answer = await ask({ path: '/api/v1/contact', json })
  if (answer === undefined) return await whenReady()
  if (answer.status === 201) message.id = String(answer.json()['id'])
  else ledger.surprises.push(`a message: ${answer.status} ${answer.text}`)
}

/** One probe for all writers who wait for the server to come back. */
function readyGate(server: ServerProcess): () => Promise<void> {
  let waiting: Promise<void> | undefined
  const probe = async (): Promise<void> => {
    for (;;) {
      const answer = await fetch(`${server.url}/health/ready`).catch(() => undefined)
      if (answer?.status === 200) return
      await delay(20)
    }
  }
  return () => {
    waiting ??= probe().finally(() => {
      waiting = undefined
    })
    return waiting
  }
}
