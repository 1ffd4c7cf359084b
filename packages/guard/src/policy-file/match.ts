import { type PatternSegment, patternRank, type RequestMatch, readPattern } from './path-pattern.ts'
import { isPlainTarget, type PathReading, readRequestPath } from './request-path.ts'

/** A policy that a request is under, and the pattern that says so. */
export interface MatchedPolicy {
  readonly policyId: string
  /** As written in the file or the preset. */
  readonly pattern: string
  /** How specific the pattern is: the greater text is the more specific. @see patternRank */
  readonly rank: string
}

/** Finds the policies of a request by its method and path. */
export interface PolicyMatcher {
  /**
   * The policy of a request: nearly always one or none. Where servers disagree about what a path means (an encoded
   * slash, dot segments, capitals…), the policies of every meaning: each has to admit.
   *
   * @param target - The path as it came, with or without a query.
   */
  match(method: string, target: string): readonly MatchedPolicy[]
  /**
   * Of a path that `match` finds a policy for: whether another of its meanings has none. Then whatever is for the rest has
   * to admit too: the server behind may go by that meaning.
   */
  leavesOpen(method: string, target: string): boolean
}

/** A policy and the requests it is for. */
export interface MatchablePolicy {
  readonly id: string
  readonly matches: readonly RequestMatch[]
}

/** The same requests asked for by two policies. */
export interface MatchConflict {
  readonly policyId: string
  readonly otherId: string
  readonly pattern: string
}

/**
 * Compiles the patterns of policies. The most specific pattern that fits wins: compared from the left, a word goes before
 * a parameter and a parameter before the rest; of two equal ones the one that names the method. Where its method is
 * another, the next one is tried. `GET` covers HEAD; OPTIONS is under no policy that does not name it.
 *
 * @param conflicts - Where two policies that ask for the same requests go; the first one has them.
 * @throws RangeError for a pattern that `readPattern` refuses.
 */
export function createPolicyMatcher(
  policies: readonly MatchablePolicy[],
  conflicts: MatchConflict[] = [],
): PolicyMatcher {
  const folded = createNode()
  const exact = createNode()
  let isCaseless = true
  for (const { id, matches } of policies) {
    for (const { methods, path } of matches) {
      const reading = readPattern(path)
      if (!reading.ok) throw new RangeError(`${id}: the pattern ${path} ${reading.message}`)
      const { segments } = reading
      isCaseless &&= segments.every((segment) => segment.kind !== 'word' || segment.exact === segment.folded)
      const matched = (hasMethod: boolean) => ({ policyId: id, pattern: path, rank: patternRank(segments, hasMethod) })
      insert(exact, segments, 'exact', methods, matched, [])
      insert(folded, segments, 'folded', methods, matched, conflicts)
    }
  }
  const everything = listAll(folded)

  /** What each meaning of a path is under. A path with one is the same with and without regard to case; patterns are not. */
  const findEach = (readings: readonly PathReading[], method: string): readonly (MatchedPolicy | undefined)[] => {
    const folding = readings.length === 1 ? [false, true] : [undefined]
    return readings.flatMap((reading) =>
      folding.map((folds) => find((folds ?? reading.folded) ? folded : exact, reading.segments, 0, method)),
    )
  }

  return {
    match(method, target) {
      const name = method.toUpperCase()
      const readings = readRequestPath(target)
      if (readings === undefined) return unique(everything.map((leaf) => ofMethod(leaf, name)))
      const [only] = readings
      if (readings.length === 1 && only !== undefined && isCaseless) {
        const found = find(folded, only.segments, 0, name)
        return found === undefined ? [] : [found]
      }
      return unique(findEach(readings, name))
    },
    leavesOpen(method, target) {
      if (isCaseless && isPlainTarget(target)) return false
      const readings = readRequestPath(target)
      return readings === undefined || findEach(readings, method.toUpperCase()).includes(undefined)
    },
  }
}

/** What ends at a node of the tree: the policy of each method, and the one of the methods not named. */
interface Leaf {
  readonly byMethod: Map<string, MatchedPolicy>
  anyMethod: MatchedPolicy | undefined
}

interface Node {
  readonly words: Map<string, Node>
  parameter: Node | undefined
  readonly here: Leaf
  readonly rest: Leaf
}

const createLeaf = (): Leaf => ({ byMethod: new Map(), anyMethod: undefined })
const createNode = (): Node => ({ words: new Map(), parameter: undefined, here: createLeaf(), rest: createLeaf() })

function insert(
  root: Node,
  segments: readonly PatternSegment[],
  spelling: 'exact' | 'folded',
  methods: readonly string[] | undefined,
  matched: (hasMethod: boolean) => MatchedPolicy,
  conflicts: MatchConflict[],
): void {
  const leaf = leafOf(root, segments, spelling)
  if (methods === undefined) {
    noteConflict(leaf.anyMethod, matched(false), conflicts)
    leaf.anyMethod ??= matched(false)
    return
  }
  for (const method of methods) {
    noteConflict(leaf.byMethod.get(method), matched(true), conflicts)
    if (!leaf.byMethod.has(method)) leaf.byMethod.set(method, matched(true))
  }
}

function noteConflict(taken: MatchedPolicy | undefined, wanted: MatchedPolicy, conflicts: MatchConflict[]): void {
  if (taken === undefined || taken.policyId === wanted.policyId) return
  conflicts.push({ policyId: wanted.policyId, otherId: taken.policyId, pattern: wanted.pattern })
}

function leafOf(root: Node, segments: readonly PatternSegment[], spelling: 'exact' | 'folded'): Leaf {
  let node = root
  for (const segment of segments) {
    if (segment.kind === 'rest') return node.rest
    node = segment.kind === 'parameter' ? parameterOf(node) : wordOf(node, segment[spelling])
  }
  return node.here
}

function parameterOf(node: Node): Node {
  node.parameter ??= createNode()
  return node.parameter
}

function wordOf(node: Node, word: string): Node {
  const known = node.words.get(word)
  if (known !== undefined) return known
  const made = createNode()
  node.words.set(word, made)
  return made
}

/** Words first, then the parameter, then the rest. A node is visited once at most: its depth is its place in the path. */
function find(node: Node, segments: readonly string[], depth: number, method: string): MatchedPolicy | undefined {
  const segment = segments[depth]
  if (segment === undefined) return ofMethod(node.here, method) ?? ofMethod(node.rest, method)
  const word = node.words.get(segment)
  const byWord = word === undefined ? undefined : find(word, segments, depth + 1, method)
  if (byWord !== undefined) return byWord
  const byParameter = node.parameter === undefined ? undefined : find(node.parameter, segments, depth + 1, method)
  return byParameter ?? ofMethod(node.rest, method)
}

function ofMethod(leaf: Leaf, method: string): MatchedPolicy | undefined {
  const named = leaf.byMethod.get(method) ?? (method === 'HEAD' ? leaf.byMethod.get('GET') : undefined)
  return named ?? (method === 'OPTIONS' ? undefined : leaf.anyMethod)
}

function listAll(node: Node): readonly Leaf[] {
  const below = [...node.words.values(), ...(node.parameter === undefined ? [] : [node.parameter])]
  return [node.here, node.rest, ...below.flatMap(listAll)]
}

function unique(found: readonly (MatchedPolicy | undefined)[]): readonly MatchedPolicy[] {
  const known = found.filter((each) => each !== undefined)
  return known.filter((each, index) => known.findIndex(({ policyId }) => policyId === each.policyId) === index)
}
