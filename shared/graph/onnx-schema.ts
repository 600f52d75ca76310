/**
 * @file ONNX's published protobuf schema as a table: the part that graphs are encoded with and
 *   files are read with. Field numbers are ONNX's. Documentation strings are left out, so that a
 *   file that is written again carries none.
 */
import protobuf from 'protobufjs';

const repeated = 'repeated';

const schema = protobuf.Root.fromJSON({
  nested: {
    Entry: { fields: { key: { type: 'string', id: 1 }, value: { type: 'string', id: 2 } } },
    OperatorSet: { fields: { domain: { type: 'string', id: 1 }, version: { type: 'int64', id: 2 } } },
    Attribute: {
      fields: {
        name: { type: 'string', id: 1 },
        f: { type: 'float', id: 2 },
        i: { type: 'int64', id: 3 },
        s: { type: 'bytes', id: 4 },
        t: { type: 'Tensor', id: 5 },
        g: { type: 'Graph', id: 6 },
        floats: { rule: repeated, type: 'float', id: 7 },
        ints: { rule: repeated, type: 'int64', id: 8 },
        strings: { rule: repeated, type: 'bytes', id: 9 },
        tensors: { rule: repeated, type: 'Tensor', id: 10 },
        graphs: { rule: repeated, type: 'Graph', id: 11 },
        type: { type: 'int32', id: 20 },
        refAttrName: { type: 'string', id: 21 },
      },
    },
    Node: {
      fields: {
        input: { rule: repeated, type: 'string', id: 1 },
        output: { rule: repeated, type: 'string', id: 2 },
        name: { type: 'string', id: 3 },
        opType: { type: 'string', id: 4 },
        attribute: { rule: repeated, type: 'Attribute', id: 5 },
        domain: { type: 'string', id: 7 },
        overload: { type: 'string', id: 8 },
      },
    },
    Tensor: {
      fields: {
        dims: { rule: repeated, type: 'int64', id: 1 },
        dataType: { type: 'int32', id: 2 },
        floatData: { rule: repeated, type: 'float', id: 4 },
        int32Data: { rule: repeated, type: 'int32', id: 5 },
        stringData: { rule: repeated, type: 'bytes', id: 6 },
        int64Data: { rule: repeated, type: 'int64', id: 7 },
        name: { type: 'string', id: 8 },
        rawData: { type: 'bytes', id: 9 },
        doubleData: { rule: repeated, type: 'double', id: 10 },
        uint64Data: { rule: repeated, type: 'uint64', id: 11 },
        externalData: { rule: repeated, type: 'Entry', id: 13 },
        dataLocation: { type: 'int32', id: 14 },
      },
    },
    Dimension: { fields: { dimValue: { type: 'int64', id: 1 }, dimParam: { type: 'string', id: 2 } } },
    TensorShape: { fields: { dim: { rule: repeated, type: 'Dimension', id: 1 } } },
    TensorType: { fields: { elemType: { type: 'int32', id: 1 }, shape: { type: 'TensorShape', id: 2 } } },
    Type: { fields: { tensorType: { type: 'TensorType', id: 1 } } },
    ValueInfo: { fields: { name: { type: 'string', id: 1 }, type: { type: 'Type', id: 2 } } },
    Graph: {
      fields: {
        node: { rule: repeated, type: 'Node', id: 1 },
        name: { type: 'string', id: 2 },
        initializer: { rule: repeated, type: 'Tensor', id: 5 },
        input: { rule: repeated, type: 'ValueInfo', id: 11 },
        output: { rule: repeated, type: 'ValueInfo', id: 12 },
        valueInfo: { rule: repeated, type: 'ValueInfo', id: 13 },
        sparseInitializer: { rule: repeated, type: 'bytes', id: 15 },
      },
    },
    Function: {
      fields: {
        name: { type: 'string', id: 1 },
        input: { rule: repeated, type: 'string', id: 4 },
        output: { rule: repeated, type: 'string', id: 5 },
        attribute: { rule: repeated, type: 'string', id: 6 },
        node: { rule: repeated, type: 'Node', id: 7 },
        opsetImport: { rule: repeated, type: 'OperatorSet', id: 9 },
        domain: { type: 'string', id: 10 },
        attributeProto: { rule: repeated, type: 'Attribute', id: 11 },
        overload: { type: 'string', id: 13 },
      },
    },
    Model: {
      fields: {
        irVersion: { type: 'int64', id: 1 },
        producerName: { type: 'string', id: 2 },
        producerVersion: { type: 'string', id: 3 },
        graph: { type: 'Graph', id: 7 },
        opsetImport: { rule: repeated, type: 'OperatorSet', id: 8 },
        metadataProps: { rule: repeated, type: 'Entry', id: 14 },
        functions: { rule: repeated, type: 'Function', id: 25 },
      },
    },
  },
});
const modelType = schema.lookupType('Model');

/** A 64-bit integer of a message: decoded as a string, encoded from either. */
export type Int64 = string | number;

/** TensorProto. */
export interface OnnxTensor {
  readonly dims?: readonly Int64[];
  readonly dataType?: number;
  readonly floatData?: readonly number[];
  readonly int32Data?: readonly number[];
  readonly int64Data?: readonly Int64[];
  readonly doubleData?: readonly number[];
  readonly name?: string;
  readonly rawData?: Uint8Array;
  readonly externalData?: readonly { readonly key: string; readonly value: string }[];
  /** 1 where the values lie in another file. */
  readonly dataLocation?: number;
}

/** AttributeProto. */
export interface OnnxAttribute {
  readonly name: string;
  readonly type?: number;
  readonly f?: number;
  readonly i?: Int64;
  readonly s?: Uint8Array;
  readonly t?: OnnxTensor;
  readonly g?: OnnxGraph;
  readonly floats?: readonly number[];
  readonly ints?: readonly Int64[];
  readonly strings?: readonly Uint8Array[];
  readonly graphs?: readonly OnnxGraph[];
  /** In a function: the attribute of the call that gives the value. */
  readonly refAttrName?: string;
}

/** NodeProto. */
export interface OnnxNode {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name?: string;
  readonly opType: string;
  readonly attribute?: readonly OnnxAttribute[];
  readonly domain?: string;
  /** Tells functions of one name apart. */
  readonly overload?: string;
}

/** ValueInfoProto of a tensor. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly type?: {
    readonly tensorType?: {
      readonly elemType?: number;
      readonly shape?: {
        readonly dim?: readonly { readonly dimValue?: Int64; readonly dimParam?: string }[];
      };
    };
  };
}

/** GraphProto. */
export interface OnnxGraph {
  readonly name?: string;
  readonly node: readonly OnnxNode[];
  readonly initializer: readonly OnnxTensor[];
  readonly input: readonly OnnxValueInfo[];
  readonly output: readonly OnnxValueInfo[];
  readonly valueInfo?: readonly OnnxValueInfo[];
  readonly sparseInitializer?: readonly Uint8Array[];
}

/** FunctionProto. */
export interface OnnxFunction {
  readonly name: string;
  readonly domain?: string;
  readonly overload?: string;
  readonly input?: readonly string[];
  readonly output?: readonly string[];
  /** Names of attributes that a call may give. */
  readonly attribute?: readonly string[];
  readonly node: readonly OnnxNode[];
  readonly opsetImport?: readonly OnnxOperatorSet[];
  /** Attributes that a call may leave out, with their values then. */
  readonly attributeProto?: readonly OnnxAttribute[];
}

/** OperatorSetIdProto. */
export interface OnnxOperatorSet {
  readonly domain?: string;
  readonly version?: Int64;
}

/** ModelProto. */
export interface OnnxModel {
  readonly irVersion?: Int64;
  readonly producerName?: string;
  readonly producerVersion?: string;
  readonly graph: OnnxGraph;
  readonly opsetImport: readonly OnnxOperatorSet[];
  readonly metadataProps?: readonly { readonly key: string; readonly value: string }[];
  readonly functions?: readonly OnnxFunction[];
}

/** ONNX's codes of attribute types. */
export const attributeTypes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;

/** The bytes of a model. */
export function encodeModel(model: OnnxModel): Uint8Array {
  return modelType.encode(modelType.fromObject(model)).finish();
}

/**
 * The model in these bytes; byte fields are views into them. Throws when they are no protobuf
 * message of this kind.
 */
export function decodeModel(bytes: Uint8Array): OnnxModel {
  const decoded = modelType.toObject(modelType.decode(bytes), { longs: String });
  const model = decoded as Partial<OnnxModel>;
  const graph: Partial<OnnxGraph> = model.graph ?? {};
  const functions = (model.functions ?? []).map((own) => ({ ...own, node: completed(own.node ?? []) }));
  return {
    ...model,
    ...(functions.length === 0 ? {} : { functions }),
    opsetImport: model.opsetImport ?? [],
    graph: {
      ...graph,
      node: completed(graph.node ?? []),
      initializer: graph.initializer ?? [],
      input: graph.input ?? [],
      output: graph.output ?? [],
    },
  };
}

/** Nodes with the lists that are not in the bytes when they are empty. */
function completed(nodes: readonly OnnxNode[]): readonly OnnxNode[] {
  return nodes.map((node) => ({ ...node, input: node.input ?? [], output: node.output ?? [] }));
}
