import { describe, expect, it } from 'vitest';
import { loadModel } from '../../../shared/formats/load-model.ts';
import type { OnnxModel, OnnxValueInfo } from '../../../shared/graph/onnx-schema.ts';
import { createPredictor } from '../../../shared/inference/predictor.ts';
import { featureNetwork } from '../../support/feature-networks.ts';
import { floats, networkModel, node, width, writeOnnxFile } from '../../support/onnx-network.ts';
import { oneThread, quietContext } from '../../support/run-context.ts';

const task = 'token-classification';
const head = Array.from({ length: width * 2 }, (_, at) => at / 10);
const tagger = networkModel([node('MatMul', ['x', 'head'], ['logits'])], [floats('head', [width, 2], head)]);

function withInputs(model: OnnxModel, input: readonly OnnxValueInfo[], name: string): OnnxModel {
  const renamed = model.graph.node.map((own) => ({
    ...own,
    input: own.input.map((other) => (other === 'input_ids' || other === 'embedding' ? name : other)),
  }));
  return { ...model, graph: { ...model.graph, input, node: renamed } };
}

const [tokens] = tagger.graph.input as [OnnxValueInfo];
const [numbers] = featureNetwork().graph.input as [OnnxValueInfo];
const sized = (info: OnnxValueInfo, sizes: readonly (number | string)[]): OnnxValueInfo => ({
  ...info,
  type: {
    tensorType: {
      ...info.type?.tensorType,
      shape: {
        dim: sizes.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size })),
      },
    },
  },
});

async function refusal(model: OnnxModel): Promise<string> {
  return loadModel(await writeOnnxFile(model), { task }).then(
    () => 'accepted',
    (error: Error) => error.message,
  );
}

describe('a network with one input', () => {
  it('reads tokens by whatever name', async () => {
    const file = await writeOnnxFile(withInputs(tagger, [{ ...tokens, name: 'words:0' }], 'words:0'));
    const { model } = await loadModel(file, { task });
    expect(model.config.inputs).toMatchObject({ vocabSize: 7, equalLengths: true });
  });

  it('reads numbers where it is floating point', async () => {
    const file = await writeOnnxFile(featureNetwork());
    const { model } = await loadModel(file, { task: 'text-classification' });
    expect(model.config.inputs.features).toBe(3);
    const predictor = await createPredictor(model, model.weights, oneThread);
    const features = [
      [1, -2, 0.5],
      [0, 3, -1],
    ];
    const logits = await predictor.predict(
      features.map((own, row) => ({
        inputIds: new Int32Array(1),
        tokenTypeIds: new Int32Array(1),
        attentionMask: Int32Array.of(1),
        features: Float32Array.from(own),
        labels: null,
        wordPositions: null,
        source: { file: 'rows.jsonl', row: row + 1 },
      })),
      { batchSize: 2 },
      quietContext,
    );
    await predictor.dispose();
    const weight = (name: string, at: number): number => model.weights.get(name)?.data[at] ?? Number.NaN;
    for (const [row, own] of features.entries()) {
      for (const column of [0, 1]) {
        const expected = Array.from({ length: 8 }, (_, unit) => {
          const sum = own.reduce(
            (total, value, at) => total + value * weight('first.weight', unit * 3 + at),
            weight('first.bias', unit),
          );
          return Math.max(sum, 0) * weight('second.weight', unit * 2 + column);
        }).reduce((total, term) => total + term);
        expect(logits[row]?.[column]).toBeCloseTo(expected, 5);
      }
    }
  });
});

it('names what TensorFlow numbers: input_ids:0', async () => {
  const mask = { ...tokens, name: 'attention_mask:0' };
  const model = withInputs(tagger, [{ ...tokens, name: 'input_ids:0' }, mask], 'input_ids:0');
  const masked = node('Cast', ['attention_mask:0'], ['mask'], { to: 1 });
  const scaled = node('Unsqueeze', ['mask', 'last'], ['column']);
  const last = {
    name: 'last',
    dims: [1],
    dataType: 7,
    rawData: new Uint8Array(BigInt64Array.of(-1n).buffer),
  };
  const [gather, product] = model.graph.node as [typeof masked, typeof masked];
  const zeroed = node('Mul', ['x', 'column'], ['y']);
  const nodes = [gather, masked, scaled, zeroed, { ...product, input: ['y', 'head'] }];
  const file = await writeOnnxFile({
    ...model,
    graph: { ...model.graph, node: nodes, initializer: [...model.graph.initializer, last] },
  });
  const loaded = await loadModel(file, { task });
  expect(loaded.model.config.inputs.equalLengths).toBe(false);
});

describe('a network is refused whose inputs', () => {
  it('are several, of names that say nothing', async () => {
    const model = withInputs(tagger, [{ ...tokens, name: 'a' }, tokens], 'a');
    const both = { ...model.graph.node[0], input: ['table', 'input_ids'], output: ['z'] };
    const sum = node('Add', ['x', 'z'], ['sum']);
    const [gather, product] = model.graph.node;
    const nodes = [gather, both, sum, { ...product, input: ['sum', 'head'] }] as OnnxModel['graph']['node'];
    expect(await refusal({ ...model, graph: { ...model.graph, node: nodes } })).toContain(
      'inputs must be input_ids and perhaps attention_mask, token_type_ids, position_ids, decoder_input_ids, decoder_attention_mask, or one of numbers [batch, features], got a, input_ids',
    );
  });

  it('have a fixed number of tokens or of examples', async () => {
    expect(await refusal(withInputs(tagger, [sized(tokens, [1, 128])], 'input_ids'))).toContain(
      'input_ids must be [batch, tokens] with any number of both, got [1, 128]',
    );
    const fixed = withInputs(featureNetwork(), [sized(numbers, [4, 3])], 'embedding');
    expect(await refusal(fixed)).toContain(
      'embedding must be [batch, features] with any number of examples and a fixed number of features, got [4, 3]',
    );
  });
});
