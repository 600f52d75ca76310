import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { gradients } from '../../../shared/graph/gradients.ts';
import { decodeModel } from '../../../shared/graph/onnx-schema.ts';
import * as ops from '../../../shared/graph/ops/index.ts';
import { findLinearLayers, type LinearLayer } from '../../../shared/models/linear-layers.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import { createSession, type RunTensor } from '../../../shared/runtime/session.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { oneThread } from '../../support/run-context.ts';
import '../../support/allclose.ts';

/** What a network computes: logits, and the slopes of the mean of their squares, by parameter. */
interface Computed {
  readonly layers: ReadonlyMap<string, LinearLayer>;
  readonly results: ReadonlyMap<string, RunTensor>;
}

const shape = [2, 5];
const feeds = new Map<string, RunTensor>([
  ['input_ids', { shape, data: Int32Array.of(1, 4, 2, 8, 0, 3, 3, 5, 1, 7) }],
  ['attention_mask', { shape, data: Int32Array.of(1, 1, 1, 1, 0, 1, 1, 1, 1, 1) }],
  ['token_type_ids', { shape, data: Int32Array.of(0, 0, 1, 1, 0, 0, 1, 0, 1, 1) }],
]);

async function computedBy(path: string, task: TaskKind): Promise<Computed> {
  const { model } = await loadModel(path, { task });
  const built = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  const { graph, logits, parameters } = built;
  const layers = new Map(findLinearLayers(built).layers.map((layer) => [layer.module, layer]));
  const targets = [...parameters.values()].map(({ value }) => value);
  const slopes = gradients(ops.meanAll(ops.mul(logits, logits)), targets);
  for (const [at, name] of [...parameters.keys()].entries())
    graph.output(`slope of ${name}`, slopes[at] ?? logits);
  graph.output('logits', logits);
  const session = await createSession(graph, oneThread);
  const results = await session.run(new Map([...model.weights, ...feeds]));
  await session.dispose();
  return { layers, results };
}

/** The slope of a layer's weight as [out, in], whatever the file has. */
function slopeOf({ results }: Computed, { weight, orientation }: LinearLayer): RunTensor {
  const slope = results.get(`slope of ${weight}`);
  if (slope === undefined) throw new Error(`${weight} has no slope`);
  if (orientation === 'out-in') return slope;
  const [inputs = 0, outputs = 0] = slope.shape;
  const data = Float32Array.from({ length: inputs * outputs }, (_, at) =>
    Number(slope.data[(at % inputs) * outputs + Math.floor(at / inputs)]),
  );
  return { shape: [outputs, inputs], data };
}

it.each([
  ['encoder', 'text-classification', ['BiasGelu', 'FusedGemm', 'FusedMatMul']],
  ['torch-encoder', 'token-classification', ['FusedMatMul']],
  ['convolution', 'text-classification', ['FusedConv']],
] as const)(
  '%s.onnx, as ONNX Runtime itself rewrites it, has its logits, layers and gradients',
  async (name, task, fused) => {
    const file = fileURLToPath(new URL(`../../fixtures/onnx/${name}.onnx`, import.meta.url));
    const optimizedModelFilePath = join(await mkdtemp(join(tmpdir(), 'regmean-rewritten-')), 'net.onnx');
    const options = {
      graphOptimizationLevel: 'extended',
      optimizedModelFilePath,
      logSeverityLevel: 3,
    } as const;
    await (await ort.InferenceSession.create(file, options)).release();
    const { node } = decodeModel(await readFile(optimizedModelFilePath)).graph;
    const types = node.flatMap(({ domain, opType }) => (domain === 'com.microsoft' ? [opType] : []));
    expect([...new Set(types)].sort()).toEqual([...fused]);

    const plain = await computedBy(file, task);
    const rewritten = await computedBy(optimizedModelFilePath, task);
    const close = { rtol: 1e-4, atol: 1e-6 };
    expect([...rewritten.layers.keys()].sort()).toEqual([...plain.layers.keys()].sort());
    for (const [layer, weight] of plain.layers) {
      const own = rewritten.layers.get(layer) ?? weight;
      // Weights may have been transposed beforehand.
      expect(slopeOf(rewritten, own)).toBeAllclose(slopeOf(plain, weight), { ...close, name: layer });
    }
    const weights = new Set([...plain.layers.values()].map(({ weight }) => `slope of ${weight}`));
    for (const [result, tensor] of plain.results) {
      if (weights.has(result)) continue;
      expect(rewritten.results.get(result)).toBeAllclose(tensor, { ...close, name: result });
    }
  },
);
