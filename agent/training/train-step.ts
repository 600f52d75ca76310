/** @file One step of training: forward, loss, backward, update. */
import { RegmeanError } from '../../shared/errors.ts';
import { gradients } from '../../shared/graph/gradients.ts';
import { buildModelGraph, type ModelIdentity } from '../../shared/models/model-graph.ts';
import type { Compute } from '../../shared/runtime/compute.ts';
import { createSession, type RunTensor } from '../../shared/runtime/session.ts';
import type { ParameterArena } from './parameter-arena.ts';

/** Computes a batch's loss, and writes the gradients into an arena. */
export interface LossAndGradients {
  run(batch: ReadonlyMap<string, RunTensor>): Promise<number>;
  dispose(): Promise<void>;
}

/** What the backward pass is built for. */
export interface BackwardOptions {
  /** Every parameter of the model: those in `gradientArena` are trained, the others are frozen. */
  readonly parameters: ReadonlyMap<string, RunTensor>;
  readonly gradientArena: ParameterArena;
  /** Seed of dropout; null trains without dropout. */
  readonly dropoutSeed: number | null;
}

/** Builds the graph of loss and gradients of a model. */
export async function createLossAndGradients(
  model: ModelIdentity,
  options: BackwardOptions,
  compute: Compute,
): Promise<LossAndGradients> {
  const built = buildModelGraph(model, { withLoss: true, dropoutSeed: options.dropoutSeed });
  if (built.loss === null) throw new RegmeanError('unsupported', 'training: the graph has no loss');
  const trained = [...options.gradientArena.tensors.keys()];
  const targets = trained.map((name) => {
    const declared = built.parameters.get(name);
    if (declared === undefined) throw new RegmeanError('invalid-input', `training: no parameter ${name}`);
    return declared.value;
  });
  built.graph.output('loss', built.loss);
  for (const [index, gradient] of gradients(built.loss, targets).entries()) {
    built.graph.output(`gradient of ${trained[index]}`, gradient);
  }
  const session = await createSession(built.graph, compute);
  const loss: RunTensor<Float32Array> = { shape: [], data: new Float32Array(1) };
  const into = new Map<string, RunTensor>([['loss', loss]]);
  for (const [name, tensor] of options.gradientArena.tensors) into.set(`gradient of ${name}`, tensor);

  return {
    async run(batch) {
      await session.run(new Map([...options.parameters, ...batch]), into);
      return loss.data[0] ?? Number.NaN;
    },
    dispose: () => session.dispose(),
  };
}
