import type { ErrorObject } from 'ajv'

/**
 * Keeps, of each union that a value fits no branch of, the errors of the branch that was meant, and says of a value of
 * no known kind that its kind is the fault. A union by itself reports the errors of every branch: a condition with one
 * misspelt member would be told what it lacks as a condition of the other sort.
 *
 * @param errors - as Ajv gives them: the errors of a union's branches stand right before the union's own.
 */
export function narrowErrors(errors: readonly ErrorObject[]): ErrorObject[] {
  const kept: ErrorObject[] = []
  for (const error of errors) {
    if (error.keyword === 'anyOf') kept.push(...meantBranch(error, takeBranches(kept, error)))
    else kept.push(error.keyword === 'discriminator' ? kindError(error) : error)
  }
  return kept
}

function kindError(error: ErrorObject): ErrorObject {
  const tag = String(error.params['tag'])
  return error.params['error'] === 'mapping'
    ? { ...error, keyword: 'enum', instancePath: `${error.instancePath}/${tag}`, params: {} }
    : { ...error, keyword: 'required', params: { missingProperty: tag } }
}

type Branches = ReadonlyMap<string, readonly ErrorObject[]>

/** Takes the errors of a union's branches off the end of `kept`. */
function takeBranches(kept: ErrorObject[], union: ErrorObject): Branches {
  const prefix = `${union.schemaPath}/`
  let start = kept.length
  while (start > 0 && isBelow(kept[start - 1], union, prefix)) start -= 1
  return Map.groupBy(kept.splice(start), (error) => error.schemaPath.slice(prefix.length).split('/', 1)[0] ?? '')
}

function isBelow(error: ErrorObject | undefined, union: ErrorObject, prefix: string): boolean {
  return (
    error?.schemaPath.startsWith(prefix) === true &&
    (error.instancePath === union.instancePath || error.instancePath.startsWith(`${union.instancePath}/`))
  )
}

function meantBranch(union: ErrorObject, branches: Branches): readonly ErrorObject[] {
  let best: { readonly errors: readonly ErrorObject[]; readonly distance: number } | undefined
  for (const errors of branches.values()) {
    const distance = errors.reduce((sum, error) => sum + distanceOf(error, union), 0)
    if (best === undefined || distance < best.distance) best = { errors, distance }
  }
  return best === undefined || best.distance >= wrongKind ? [union] : best.errors
}

/** A branch with such an error is for values of another kind. */
const wrongKind = 1_000

// What lacks or has too much of a branch's members was less likely meant as one than what has a fault deeper inside.
function distanceOf(error: ErrorObject, union: ErrorObject): number {
  if (error.instancePath !== union.instancePath) return 1
  return error.keyword === 'type' ? wrongKind : 10
}
