/** @file What an adapter changes, parameter by parameter, under the names of the model's graph. */
import { RegmeanError } from '../errors.ts';
import type { AdapterConfig } from './adapter-config.ts';
import type { AdapterTensors, AdapterUpdate } from './adapter-tensors.ts';

/** What becomes of one parameter, in the order of the fields. */
export interface ParameterChange {
  /**
   * Tensor of the adapter that stands for the base's; `isApart` where it was trained as a whole.
   */
  readonly whole: { readonly tensor: string; readonly isApart: boolean } | null;
  /** Rows of a table that were trained alone, and the tokens that they are of. */
  readonly rows: { readonly tensor: string; readonly tokens: readonly number[] } | null;
  /** W + s B A, or DoRA. */
  readonly update: ModuleUpdate | null;
  /** Tensor that is added, times the factor of the update of its module. */
  readonly added: { readonly tensor: string; readonly module: string } | null;
}

/** An update and the module that it is of, as the adapter names it. */
export interface ModuleUpdate {
  readonly module: string;
  readonly update: AdapterUpdate;
  /** The module whose rank the factors have, where they are those of another one. */
  readonly tiedTo?: string;
}

/** Parameter -> what becomes of it. */
export type ParameterChanges = ReadonlyMap<string, ParameterChange>;

/** A parameter that an adapter leaves as it is. */
export const unchanged: ParameterChange = { whole: null, update: null, rows: null, added: null };

/** Where a tensor belongs. */
export interface Place {
  /** The parameter of a name that an adapter uses; null where the model has none. */
  parameterOf(name: string): string | null;
  /** Whether a tensor that has no place means nothing: a copy, a buffer. */
  isIgnored(name: string): boolean;
  /** What has the parameters, named in errors. */
  readonly model: string;
}

/**
 * Finds the parameter of every tensor of an adapter.
 *
 * @throws RegmeanError `invalid-input` naming a tensor that has no place, or that is changed in two
 *   ways
 */
export function parameterChanges(
  { file, updates, rows, whole }: AdapterTensors,
  config: AdapterConfig,
  place: Place,
): ParameterChanges {
  if (updates.size + rows.size + whole.size === 0) {
    throw new RegmeanError('invalid-input', `${file.path}: must hold LoRA tensors, has none`);
  }
  const changes = new Map<string, ParameterChange>();
  const change = (name: string, tensor: string, part: Partial<ParameterChange>): void => {
    const parameter = place.parameterOf(name);
    if (parameter === null) {
      throw new RegmeanError(
        'invalid-input',
        `${file.path}: tensor ${tensor} must belong to a parameter of ${place.model}, which has no ${name}`,
        { hint: 'is this the base model, and the task, that the adapter was trained for?' },
      );
    }
    changes.set(parameter, { ...(changes.get(parameter) ?? unchanged), ...part });
  };
  for (const [name, tensor] of whole) {
    if (place.parameterOf(name) === null && place.isIgnored(name)) continue;
    change(name, tensor, { whole: { tensor, isApart: isSaved(name, config) } });
  }
  for (const [module, update] of updates) {
    change(`${module}.weight`, update.a, { update: { module, update } });
    if (update.bias === null) continue;
    if (!config.updatesBiases) throw undeclared(file.path, update.bias, config.path, 'lora_bias');
    if (place.parameterOf(`${module}.bias`) === null) {
      throw new RegmeanError(
        'unsupported',
        `${config.path}: lora_bias must be false for ${module}, which has no bias that it could be added to`,
      );
    }
    change(`${module}.bias`, update.bias, { added: { tensor: update.bias, module } });
  }
  for (const [module, tensor] of rows) {
    change(`${module}.weight`, tensor, {
      rows: { tensor, tokens: tokensOf(file.path, module, tensor, config) },
    });
  }
  for (const [parameter, { whole: own, update, rows: ownRows }] of changes) {
    const isWhole = own?.isApart === true;
    if ([isWhole, update !== null, ownRows !== null].filter(Boolean).length < 2) continue;
    const keys = [
      isWhole ? 'modules_to_save' : null,
      update === null ? null : 'target_modules',
      ownRows === null ? null : 'trainable_token_indices',
    ].filter((key) => key !== null);
    throw new RegmeanError(
      'unsupported',
      `${config.path}: ${keys.join(' and ')}: must name different modules, both name that of ${parameter}`,
    );
  }
  return changes;
}

/** Whether a parameter belongs to a module that was trained as a whole. */
function isSaved(name: string, { modulesToSave }: AdapterConfig): boolean {
  return modulesToSave.some((module) => `.${name}`.includes(`.${module}.`));
}

function undeclared(path: string, tensor: string, configPath: string, key: string): RegmeanError {
  return new RegmeanError(
    'invalid-input',
    `${path}: tensor ${tensor} must be asked for by ${key} in ${configPath}, which does not`,
    { hint: `are ${configPath} and the weights of the same adapter?` },
  );
}

/**
 * PEFT names embeddings by the ends of their names. A head that is tied to them follows without
 * being named.
 */
function tokensOf(
  path: string,
  module: string,
  tensor: string,
  { tokens, inputTokens, path: configPath }: AdapterConfig,
): readonly number[] {
  const named = [...tokens].find(([end]) => module.endsWith(end))?.[1];
  const [only = inputTokens, ...others] = tokens.values();
  const own = named ?? (others.length === 0 ? only : []);
  if (own.length === 0) throw undeclared(path, tensor, configPath, 'trainable_token_indices');
  return own;
}
