import type { ClientAddress, RequestHeaders } from '../client-address.ts'
import type { Evidence, Subjects } from '../subject.ts'

/** What an application knows of a request besides what the adapter sees. */
export type ExtraSubjects = Partial<Omit<Subjects, 'ip' | 'headers'>>

/** What an adapter sees of its framework's requests. */
export interface RequestReader<Native> {
  method(request: Native): string
  /** As it came, path and query. */
  target(request: Native): string
  headers(request: Native): RequestHeaders
  header(request: Native, name: string): string | undefined
  /** How many header lines came, where that can be told; 0 where it cannot. */
  headerLines(request: Native): number
  /** The address of the socket's other end. */
  peer(request: Native): string | undefined
  /** The pattern of the route that was found; undefined before routing. */
  route(request: Native): string | undefined
}

/** The subjects of one request. What few rules count by is read when one asks. */
export class RequestSubjects<Native> implements Subjects {
  readonly ip: ClientAddress
  readonly request: Native
  readonly reader: RequestReader<Native>
  readonly extra: ExtraSubjects | undefined

  constructor(ip: ClientAddress, request: Native, reader: RequestReader<Native>, extra: ExtraSubjects | undefined) {
    this.ip = ip
    this.request = request
    this.reader = reader
    this.extra = extra
  }
  get headers(): RequestHeaders {
    return this.reader.headers(this.request)
  }
  get route(): string | undefined {
    return this.extra?.route ?? this.reader.route(this.request)
  }
  get fingerprint(): string | undefined {
    return this.extra?.fingerprint
  }
  get account(): string | undefined {
    return this.extra?.account
  }
  get tenant(): string | undefined {
    return this.extra?.tenant
  }
  get 'api-key'(): string | undefined {
    return this.extra?.['api-key']
  }
  get country(): string | undefined {
    return this.extra?.country
  }
  get evidence(): Evidence | undefined {
    return this.extra?.evidence
  }
}
