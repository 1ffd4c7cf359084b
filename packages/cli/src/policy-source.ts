import type { PolicyInput, Position } from '@rempart/guard'
import { readConfig } from '@rempart/server'
import { createPolicySet, inFile, type PolicyDocument, type PolicySet, parsePolicyFile } from '@rempart/server/policies'
import type { RoutePolicies } from '@rempart/server/routes'
import { readSource } from './files.ts'

/** A policy file over the policies of the routes, as a server would have it in force. */
export interface PolicySource {
  /** Undefined where there is no file. */
  readonly document: PolicyDocument | undefined
  readonly set: PolicySet
}

/** What a file is laid over: the routes of this release, or nothing, as in the gateway. */
export interface Ground {
  readonly base: readonly PolicyInput[]
  readonly find: RoutePolicies['find']
}

/** @param alone - Whether the file stands by itself. */
export async function readGround(alone: boolean): Promise<Ground> {
  if (alone) return { base: [], find: () => ({}) }
  // The whole server with its routes: nothing that a file which stands by itself waits for.
  const { readRoutePolicies } = await import('@rempart/server/routes')
  return await readRoutePolicies()
}

/** The file that is named, else the one of the configuration. */
export async function policyFileOf(named: string | undefined): Promise<string | undefined> {
  return named ?? (await readConfig()).policyFile
}

/** @throws PolicyFileError with every fault of the file; Failure when it cannot be read. */
export async function readPolicySource(file: string | undefined, { base }: Ground): Promise<PolicySource> {
  if (file === undefined) return { document: undefined, set: createPolicySet(base, undefined) }
  const document = parsePolicyFile(file, await readSource(file))
  try {
    return { document, set: createPolicySet(base, document.parsed) }
  } catch (error) {
    throw inFile(document, error)
  }
}

/** `file:line` of what the file says at a path, or of the nearest thing around it. */
export function placeOf(document: PolicyDocument | undefined, path: string): string {
  if (document === undefined) return ''
  let position: Position | undefined
  for (let place = path; position === undefined && place !== ''; place = place.replace(/\.?[^.]*$/, '')) {
    position = document.locate(place)
  }
  return `${document.file}:${position?.line ?? 1}`
}
