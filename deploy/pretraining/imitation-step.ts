/** @file One step of distillation: the masked-LM loss and the distance to a teacher's states. */
import { createArena, fillArena, type ParameterArena } from '../../agent/training/parameter-arena.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { gradients } from '../../shared/graph/gradients.ts';
import * as ops from '../../shared/graph/ops/index.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../shared/models/model-graph.ts';
import { createRandom } from '../../shared/random.ts';
import type { Compute } from '../../shared/runtime/compute.ts';
import { createSession, type RunTensor } from '../../shared/runtime/session.ts';
import { pooledStates } from './word-pooling.ts';

/** The two losses of a batch. */
export interface ImitationLosses {
  readonly masked: number;
  /** Mean squared error of the teacher's standardised states. */
  readonly distance: number;
}

/** A student, the linear map from its states to the teacher's, and their gradients. */
export interface ImitationStep {
  /** The student with the weights that are trained. */
  readonly model: Model;
  readonly parameters: ParameterArena;
  readonly gradients: ParameterArena;
  /**
   * Computes gradients of a batch.
   *
   * @param batch feeds of the masked-LM graph, `pool` [batch, rows, seq], `targets` [batch, rows,
   *   teacher's hidden], `row_weights` [batch, rows, 1] that sum to 1
   */
  run(batch: ReadonlyMap<string, RunTensor>): Promise<ImitationLosses>;
  dispose(): Promise<void>;
}

/** Names that no model's parameter has. */
const mapWeight = 'teacher map.weight';
const mapBias = 'teacher map.bias';

/** Prepares a student; `share` weighs the distance against the masked-LM loss. */
export async function createImitationStep(
  student: Model,
  {
    teacherSize,
    share,
    seed,
  }: { readonly teacherSize: number; readonly share: number; readonly seed: number },
  compute: Compute,
): Promise<ImitationStep> {
  const built = buildModelGraph(student, { withLoss: true, dropoutSeed: null });
  if (built.loss === null) throw new RegmeanError('unsupported', 'distillation: the graph has no loss');
  const { graph } = built;
  const hiddenSize = built.hidden.shape.at(-1) as number;
  const shapes = new Map<string, readonly number[]>([
    ...[...student.weights].map(([name, { shape }]) => [name, shape] as const),
    [mapWeight, [hiddenSize, teacherSize]],
    [mapBias, [teacherSize]],
  ]);
  const parameters = createArena(shapes);
  const gradientArena = createArena(shapes);
  fillArena(parameters, student.weights);
  const random = createRandom(seed);
  const map = parameters.tensors.get(mapWeight)?.data;
  map?.set(map.map(() => (2 * random() - 1) / Math.sqrt(hiddenSize)));

  const targets = graph.input('targets', 'float32', ['batch', 'rows', teacherSize]);
  const rowWeights = graph.input('row_weights', 'float32', ['batch', 'rows', 1]);
  const weight = graph.input(mapWeight, 'float32', [hiddenSize, teacherSize]);
  const bias = graph.input(mapBias, 'float32', [teacherSize]);
  const imitated = ops.add(ops.matMul(pooledStates(built), weight), bias);
  const error = ops.sub(imitated, targets);
  const distance = ops.mulScalar(ops.sumAll(ops.mul(ops.mul(error, error), rowWeights)), 1 / teacherSize);
  const loss = ops.add(built.loss, ops.mulScalar(distance, share));
  const declared = new Map([
    ...[...built.parameters].map(([name, { value }]) => [name, value] as const),
    [mapWeight, weight],
    [mapBias, bias],
  ]);
  const names = [...gradientArena.tensors.keys()];
  const trained = names.map((name) => {
    const value = declared.get(name);
    if (value === undefined) throw new RegmeanError('invalid-input', `distillation: no parameter ${name}`);
    return value;
  });
  graph.output('masked', built.loss);
  graph.output('distance', distance);
  const into = new Map<string, RunTensor>();
  for (const [index, gradient] of gradients(loss, trained).entries()) {
    const name = names[index] as string;
    graph.output(`gradient of ${name}`, gradient);
    into.set(`gradient of ${name}`, gradientArena.tensors.get(name) as RunTensor);
  }
  const session = await createSession(graph, compute);
  const weights = new Map([...parameters.tensors].filter(([name]) => student.weights.has(name)));
  return {
    model: { ...student, weights },
    parameters,
    gradients: gradientArena,
    async run(batch) {
      const results = await session.run(new Map<string, RunTensor>([...parameters.tensors, ...batch]), into);
      return {
        masked: Number(results.get('masked')?.data[0]),
        distance: Number(results.get('distance')?.data[0]),
      };
    },
    dispose: () => session.dispose(),
  };
}
