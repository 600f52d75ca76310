/**
 * @file The names that a family's graph has for the tensors of a checkpoint. Checkpoints of the
 *   bare backbone leave its name out, old ones call the weight and bias of LayerNorm gamma and
 *   beta, wrapping modules put their names in between, and tied parameters are stored under one of
 *   their names, or under all.
 */
import type { TaskKind } from '../task.ts';
import type { Architecture, ModelConfig } from './architecture.ts';
import { headOutputs } from './classes.ts';
import { buildModelGraph } from './model-graph.ts';

/** Names of a family's checkpoints. */
export interface FamilyNames {
  /**
   * The name that the graph has for a tensor; that of a tensor which it has not, as it would be.
   */
  canonical(stored: string): string;
  /** Tensors that checkpoints may hold again under another name: canonical copy -> parameter. */
  readonly copies: ReadonlyMap<string, string>;
  /** Whether a tensor of this canonical name follows from the configuration alone. */
  isBuffer(name: string): boolean;
  /** Whether a tensor of this canonical name is of no use here: a buffer, a head of pretraining. */
  isLeftOut(name: string): boolean;
  /** Whether a tensor of this canonical name belongs to the backbone or to a head of the family. */
  isOfFamily(name: string): boolean;
}

/**
 * What PyTorch's `torch.compile`, FSDP and activation checkpointing call the module that they wrap,
 * anywhere in a model.
 */
const innerWrappers = /(?<=^|\.)(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\./g;

/** What data-parallel wrappers call it, around a whole model. */
const outerWrappers = /^(module\.)+/;

/** Buffers that Hugging Face's models stored in one version or another. */
const commonBuffers = /(^|\.)(position_ids|token_type_ids|(\w+_)?inv_freq|(cos|sin)_cached)$/;

/** A tensor's name without those of modules that wrap others anywhere. */
export function withoutInnerWrappers(stored: string): string {
  return stored.replace(innerWrappers, '');
}

/** A tensor's name without those of modules that wrap others, anywhere or around a whole model. */
export function withoutWrappers(stored: string): string {
  return withoutInnerWrappers(stored).replace(outerWrappers, '');
}

/** The names of a family with a configuration, whichever head a checkpoint has. */
export function familyNames(architecture: Architecture, config: ModelConfig): FamilyNames {
  const { backboneName, ignoredParameters, buffers = [] } = architecture;
  const parameters = parametersOfAnyHead(architecture, config);
  const copies = new Map(Object.entries(architecture.tiedCopies(config)));
  const isKnown = (name: string): boolean => parameters.has(name) || copies.has(name);
  const isBuffer = (name: string): boolean =>
    [commonBuffers, ...buffers].some((pattern) => pattern.test(name));
  const isLeftOut = (name: string): boolean =>
    isBuffer(name) || ignoredParameters.some((pattern) => pattern.test(name));
  const isOfFamily = (name: string): boolean => isKnown(name) || isLeftOut(name);
  return {
    copies,
    canonical(stored) {
      if (isKnown(stored)) return stored;
      const plain = withoutWrappers(stored);
      const modern = plain.replace(/(^|\.)gamma$/, '$1weight').replace(/(^|\.)beta$/, '$1bias');
      const names = [plain, modern, `${backboneName}.${plain}`, `${backboneName}.${modern}`];
      return names.find(isOfFamily) ?? plain;
    },
    isBuffer,
    isLeftOut,
    isOfFamily,
  };
}

/** Names of the parameters with each of the family's heads; tasks of one class have one graph. */
function parametersOfAnyHead(architecture: Architecture, config: ModelConfig): ReadonlySet<string> {
  const taskOfClass = new Map(
    Object.entries(architecture.classNames).map(([task, name]) => [name, task as TaskKind]),
  );
  return new Set(
    [...taskOfClass.values()].flatMap((task) => {
      const model = { architecture, config, task, ...headOutputs(task, ['LABEL_0']) };
      return [...buildModelGraph(model, { withLoss: false, dropoutSeed: null }).parameters.keys()];
    }),
  );
}
