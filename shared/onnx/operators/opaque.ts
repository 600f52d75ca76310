import { RegmeanError } from '../../errors.ts';
import type { Value, ValueType } from '../../graph/graph.ts';
import type { OnnxModel } from '../../graph/onnx-schema.ts';
import { isStandard } from '../nodes.ts';
import { keptAttributes, type OperatorContext } from './operator.ts';
import { renewed } from './versions.ts';

/** Element types and shapes of what nodes compute, by name. */
export type ValueTypes = ReadonlyMap<string, ValueType>;

/**
 * A node whose operator there is no rule for, as it is: it runs, and has no gradient.
 *
 * @param opsetImport versions of operators in the file
 * @throws RegmeanError `unsupported` when its outputs are not known, or its version of the operator
 *   means something else
 */
export function opaque(
  context: OperatorContext,
  types: ValueTypes,
  opsetImport: OnnxModel['opsetImport'],
): readonly Value[] {
  const { graph, node, inputs } = context;
  const outputs = node.output.map((name): ValueType => {
    const type = types.get(name);
    if (type !== undefined) return type;
    if (name === '') return { dtype: 'float32', shape: [] };
    throw new RegmeanError('unsupported', `shape and element type of ${name} are not known`);
  });
  const absentOutputs = node.output.flatMap((name, at) => (name === '' ? [at] : []));
  const known = { type: node.opType, absentOutputs, infer: () => outputs };
  if (isStandard(node.domain)) {
    const form = renewed(context);
    return graph.apply({ ...known, version: context.opset }, form.inputs, form.attributes);
  }
  const { domain = '' } = node;
  const version = Number(opsetImport.find((own) => own.domain === domain)?.version ?? 1);
  return graph.apply({ ...known, domain, version }, inputs, keptAttributes(node));
}
