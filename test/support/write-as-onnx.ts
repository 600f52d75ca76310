import { encodeOnnxModel } from '../../shared/graph/onnx-model.ts';
import { decodeModel, type OnnxTensor } from '../../shared/graph/onnx-schema.ts';
import * as ops from '../../shared/graph/ops/index.ts';
import { axes } from '../../shared/models/axes.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../shared/models/model-graph.ts';
import { logitRowsOf } from '../../shared/task.ts';
import { writeOnnxFile } from './onnx-network.ts';

/**
 * Writes a model of a known family as an exporter would: its graph, with the weights as
 * initializers. Returns the file.
 */
export async function writeAsOnnx(model: Model): Promise<string> {
  const { graph, logits } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  const tokens = { token: axes.seq, target: axes.target, sequence: null, masked: null }[
    logitRowsOf(model.task)
  ];
  const outputs = logits.shape.at(-1) ?? 1;
  graph.output('logits', tokens === null ? logits : ops.reshape(logits, [axes.batch, tokens, outputs]));
  const exported = decodeModel(encodeOnnxModel(graph));
  const weights = [...model.weights].map(
    ([name, { shape, data }]): OnnxTensor => ({
      name,
      dims: [...shape],
      dataType: 1,
      rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    }),
  );
  const read = new Set([...exported.graph.node.flatMap(({ input }) => input), 'logits']);
  // Exporters leave out optional outputs at the end that nothing reads, such as the mean of a
  // LayerNormalization.
  const node = exported.graph.node.map((own) => ({
    ...own,
    output: own.output.slice(0, own.output.findLastIndex((name) => read.has(name)) + 1),
  }));
  return writeOnnxFile({
    ...exported,
    graph: {
      ...exported.graph,
      node,
      input: exported.graph.input.filter(({ name }) => !model.weights.has(name)),
      initializer: [...exported.graph.initializer, ...weights],
    },
  });
}
