import type { Compilable, CompiledQuery } from 'kysely'
import type { ReadHandle } from './reads.ts'

/** Where a value of a call goes. */
class StandIn {
  readonly index: number

  constructor(index: number) {
    this.index = index
  }
}

/**
 * A read that is built once: its text is kept, and each call sends it with values of its own. For what is asked with every
 * request: building such a statement takes longer than sending it.
 *
 * @param build - called with the first call alone, with stand-ins for the values. It puts each where a value goes, and must
 *   not look at it.
 * @returns the first row, if any. It takes a transaction as well.
 */
export function preparedRead<Values extends readonly unknown[], Row>(
  build: (handle: ReadHandle, ...values: Values) => Compilable<Row>,
): (handle: ReadHandle, ...values: Values) => Promise<Row | undefined> {
  let compiled: CompiledQuery<Row> | undefined
  return async (handle, ...values) => {
    // Whatever the values are, they are not looked at: see above.
    compiled ??= build(handle, ...(values.map((_, index) => new StandIn(index)) as unknown as Values)).compile()
    const parameters = compiled.parameters.map((each) => (each instanceof StandIn ? values[each.index] : each))
    const statement: CompiledQuery<Row> = { ...compiled, parameters }
    const { rows } = await handle.executeQuery(statement)
    return rows[0]
  }
}
