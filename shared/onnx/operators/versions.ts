/**
 * @file What a node of an older file is in the version of ONNX's operators that graphs are written
 *   with. Needed for nodes that run as they are; rules read every version themselves. The table
 *   holds each operator whose attributes, inputs or meaning changed between versions 11 and 20
 *   (ONNX's Changelog.md); all other changes of these versions only added element types, or
 *   attributes whose default is what was meant before.
 */
import { RegmeanError } from '../../errors.ts';
import type { Attributes, Value } from '../../graph/graph.ts';
import { operatorsVersion } from '../../graph/onnx-model.ts';
import { integer, integers, keptAttributes, type OperatorContext, text } from './operator.ts';

/** Inputs and attributes of a node. */
export interface NodeForm {
  readonly inputs: readonly (Value | null)[];
  readonly attributes: Attributes;
}

/** What a node becomes when the version it is written in is at least this one. */
interface Change {
  readonly version: number;
  readonly renew: (form: NodeForm, context: OperatorContext) => NodeForm;
}

/** A list of integers that was an attribute and is the second input. */
function becameInput(name: string, version: number): Change {
  return {
    version,
    renew: ({ inputs, attributes }, context) => {
      const list = integers(context, name, -1);
      const { [name]: _, ...others } = attributes;
      if (list === null) return { inputs, attributes: others };
      return { inputs: [inputs[0] ?? null, context.graph.integers(list)], attributes: others };
    },
  };
}

/** An attribute whose default became another: it is written out. */
function defaultWas(name: string, before: string, version: number): Change {
  return {
    version,
    renew: ({ inputs, attributes }) => ({ inputs, attributes: { [name]: before, ...attributes } }),
  };
}

/** A node that newer versions have no form for. */
function refused(version: number, isMeant: (context: OperatorContext) => string | null): Change {
  return {
    version,
    renew: (form, context) => {
      const what = isMeant(context);
      if (what === null) return form;
      throw new RegmeanError(
        'unsupported',
        `version ${context.opset} of the operator ${what}, which versions from ${version} on do not`,
        { hint: `export again with opset_version ${operatorsVersion}` },
      );
    },
  };
}

const splitEqually: Change = {
  version: 18,
  renew: ({ inputs, attributes }, { node }) => ({
    inputs,
    attributes:
      (inputs[1] ?? null) === null ? { ...attributes, num_outputs: BigInt(node.output.length) } : attributes,
  }),
};

const fourierAxis: Change = {
  version: 20,
  renew: ({ inputs, attributes }, context) => {
    const { axis: _, ...others } = attributes;
    const axis = context.graph.scalar(integer(context, 'axis', 1), 'int64');
    return { inputs: [inputs[0] ?? null, inputs[1] ?? null, axis], attributes: others };
  },
};

const sampleModes: Change = {
  version: 20,
  renew: ({ inputs, attributes }, context) => {
    const mode = text(context, 'mode', 'bilinear').replace(/^bi/, '');
    return { inputs, attributes: { ...attributes, mode } };
  },
};

const resizeMode = 'coordinate_transformation_mode';

const changes: Readonly<Record<string, readonly Change[]>> = {
  Split: [becameInput('split', 13), splitEqually],
  Squeeze: [becameInput('axes', 13)],
  Unsqueeze: [becameInput('axes', 13)],
  ReduceSum: [becameInput('axes', 13)],
  ...Object.fromEntries(
    ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'].map((name) => [
      `Reduce${name}`,
      [becameInput('axes', 18)],
    ]),
  ),
  BatchNormalization: [
    refused(14, ({ node }) => (node.output.length > 1 ? 'has statistics as outputs' : null)),
  ],
  RoiAlign: [defaultWas(resizeMode, 'output_half_pixel', 16)],
  Resize: [
    refused(13, (context) =>
      text(context, resizeMode, '') === 'tf_half_pixel_for_nn' ? 'has tf_half_pixel_for_nn' : null,
    ),
  ],
  DFT: [fourierAxis],
  GridSample: [sampleModes],
};

/**
 * A node as graphs write it.
 *
 * @throws RegmeanError `unsupported` when the newer version has nothing that means the same
 */
export function renewed(context: OperatorContext): NodeForm {
  const { node, opset, inputs } = context;
  const attributes = keptAttributes(node);
  const own = Object.hasOwn(changes, node.opType) ? (changes[node.opType] ?? []) : [];
  return own
    .filter(({ version }) => version > opset && version <= operatorsVersion)
    .reduce<NodeForm>((form, { renew }) => renew(form, context), { inputs, attributes });
}
