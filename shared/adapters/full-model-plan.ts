/**
 * @file What the full model of a base and an adapter is: its parameters and where each one comes
 *   from, its classes, and what its config.json says differently.
 */
import { RegmeanError } from '../errors.ts';
import type { Architecture } from '../models/architecture.ts';
import type { ParameterDeclaration } from '../models/scope.ts';
import { contradictions } from '../models/surplus-tensors.ts';
import { isLanguageTask, type TaskKind } from '../task.ts';
import { formatShape, sameShape } from '../tensor.ts';
import type { AdapterConfig } from './adapter-config.ts';
import { requireSavedModules, requireTargetedModules } from './adapter-targets.ts';
import type { AdapterTensors } from './adapter-tensors.ts';
import { type BaseModel, parametersOf } from './base-model.ts';
import { classNamesFor } from './class-names.ts';
import {
  type ParameterChange,
  type ParameterChanges,
  type Place,
  parameterChanges,
  unchanged,
} from './parameter-changes.ts';
import { wordEmbeddingChanges } from './word-embedding-changes.ts';
import { wordEmbeddingsOf } from './word-embeddings.ts';

/** A parameter of the full model. */
export interface PlannedParameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** The parameter of the base that it begins as; null where the adapter brings the whole. */
  readonly from: string | null;
  readonly change: ParameterChange;
}

/** The full model. */
export interface FullModelPlan {
  readonly parameters: readonly PlannedParameter[];
  readonly labels: readonly string[];
  /** What config.json of the base says differently. */
  readonly configChanges: Readonly<Record<string, unknown>>;
  /** Words that the base has no or other rows for: how many there are now; null where as before. */
  readonly vocabularySize: number | null;
  /** Tensors of the base that the task has no place for. */
  readonly surplus: readonly string[];
}

/** What a full model is made for. */
export interface PlanRequest {
  readonly task: TaskKind;
  /** Names of the classes; those of the base, or numbers, when absent. */
  readonly labels?: readonly string[];
}

/**
 * Plans the full model.
 *
 * @throws RegmeanError when a tensor of the adapter has no place, or a parameter of the model has
 *   no value, naming it
 */
export async function planFullModel(
  base: BaseModel,
  adapter: AdapterTensors,
  config: AdapterConfig,
  request: PlanRequest,
): Promise<FullModelPlan> {
  const { architecture } = base;
  if (architecture === null) return planUnknownFamily(base, adapter, config, request);
  const family: Family = { architecture, base, task: request.task };
  const draft = parametersOf(architecture, base.configJson, request.task, 1);
  const words = isLanguageTask(request.task) ? wordEmbeddingsOf(architecture, base.configJson) : null;
  const known = new Set([...draft.keys(), ...(words === null ? [] : [...words.inputs, words.output])]);
  const own = parameterChanges(adapter, config, placeIn(known, base));
  const model = { shapes: base.shapes, parameters: draft, spelled: spellingOf(adapter, architecture) };
  requireTargetedModules(adapter, config, model);
  requireSavedModules(adapter, config, model);

  const isTied = words !== null && !draft.has(words.output);
  const { changes, isUntied } =
    words === null
      ? { changes: own, isUntied: false }
      : await wordEmbeddingChanges(own, words, isTied, adapter, config);
  const fromOf = (name: string): string => (isUntied && name === words?.output ? words.table : name);
  const shapeOf = (name: string): readonly number[] | undefined => {
    const tensor = changes.get(name)?.whole?.tensor;
    return tensor === undefined ? base.shapes.get(fromOf(name)) : adapter.file.tensors.get(tensor)?.shape;
  };

  const vocabularySize = vocabularySizeOf(family, changes, shapeOf, draft);
  const labels = classNamesFor(request, base.configJson, headSize(family, shapeOf, draft));
  const configChanges = {
    ...(vocabularySize === null ? {} : { vocab_size: vocabularySize }),
    ...(isUntied ? untiedMembers(architecture, base) : {}),
  };
  const final = parametersOf(
    architecture,
    { ...base.configJson, ...configChanges },
    request.task,
    Math.max(1, labels.length),
  );
  const parameters = [...final].map(([name, declared]): PlannedParameter => {
    const change = changes.get(name) ?? unchanged;
    const shape = declared.value.shape.map(Number);
    return { name, shape, from: change.whole === null ? fromOf(name) : null, change };
  });
  requireValues(adapter, parameters, shapeOf, vocabularySize);
  return { parameters, labels, configChanges, vocabularySize, surplus: surplusOf(base, architecture, final) };
}

/** What config.json says of a head that has a weight of its own now. */
function untiedMembers(
  architecture: Architecture,
  { configJson }: BaseModel,
): FullModelPlan['configChanges'] {
  return { tie_word_embeddings: false, ...architecture.besideTying?.(architecture.parseConfig(configJson)) };
}

/** A family and what it is asked for. */
interface Family {
  readonly architecture: Architecture;
  readonly base: BaseModel;
  readonly task: TaskKind;
}

/**
 * Where tensors belong by their names: checkpoints and adapters of the bare backbone leave its name
 * out.
 */
function placeIn(known: ReadonlySet<string>, { folder, names }: BaseModel): Place {
  return {
    model: folder,
    parameterOf: (name) => [name, names.canonical(name)].find((own) => known.has(own)) ?? null,
    isIgnored: (name) => names.isLeftOut(names.canonical(name)),
  };
}

/** How an adapter spells the parameters of the model. */
function spellingOf(
  { updates, rows, whole }: AdapterTensors,
  { backboneName }: Architecture,
): (name: string) => string {
  const prefix = `${backboneName}.`;
  const names = [...updates.keys(), ...rows.keys(), ...whole.keys()];
  const isBare = backboneName !== '' && !names.some((name) => name.startsWith(prefix));
  return (name) => (isBare && name.startsWith(prefix) ? name.slice(prefix.length) : name);
}

/**
 * How many words there are, where the adapter brings embeddings of another number than the base.
 */
function vocabularySizeOf(
  { architecture, base, task }: Family,
  changes: ParameterChanges,
  shapeOf: (name: string) => readonly number[] | undefined,
  draft: ReadonlyMap<string, ParameterDeclaration>,
): number | null {
  const size = Number(base.configJson.vocab_size);
  const larger = parametersOf(architecture, { ...base.configJson, vocab_size: size + 1 }, task, 1);
  for (const name of grown(draft, larger)) {
    const own = changes.has(name) ? shapeOf(name)?.[0] : undefined;
    if (own !== undefined && own !== size) return own;
  }
  return null;
}

/** The parameter with a row for each class and how many there are; null where none is there. */
function headSize(
  { architecture, base, task }: Family,
  shapeOf: (name: string) => readonly number[] | undefined,
  draft: ReadonlyMap<string, ParameterDeclaration>,
): { readonly name: string; readonly size: number } | null {
  if (isLanguageTask(task)) return null;
  for (const name of grown(draft, parametersOf(architecture, base.configJson, task, 2))) {
    const size = shapeOf(name)?.[0];
    if (size !== undefined) return { name, size };
  }
  return null;
}

/** Parameters that have another shape in a larger model. */
function grown(
  model: ReadonlyMap<string, ParameterDeclaration>,
  larger: ReadonlyMap<string, ParameterDeclaration>,
): readonly string[] {
  const shape = (declared: ParameterDeclaration | undefined): string => String(declared?.value.shape);
  return [...model.keys()].filter((name) => shape(model.get(name)) !== shape(larger.get(name)));
}

function requireValues(
  { file }: AdapterTensors,
  parameters: readonly PlannedParameter[],
  shapeOf: (name: string) => readonly number[] | undefined,
  vocabularySize: number | null,
): void {
  const problems = parameters.flatMap(({ name, shape, change }) => {
    const got = shapeOf(name);
    if (got === undefined) return [`${name} ${formatShape(shape)} is missing`];
    if (sameShape(got, shape)) return [];
    const source = change.whole === null ? 'the base' : change.whole.tensor;
    return [`${name} must be ${formatShape(shape)}, got ${formatShape(got)} of ${source}`];
  });
  if (problems.length === 0) return;
  const list = problems.slice(0, 10).join('; ');
  if (vocabularySize === null) {
    throw new RegmeanError(
      'invalid-input',
      `${file.path} with its base: weights must fit config.json: ${list}`,
      {
        hint: 'parameters of a new head must be in the adapter: modules_to_save',
      },
    );
  }
  throw new RegmeanError(
    'invalid-input',
    `${file.path}: embeddings of ${vocabularySize} words (vocab_size) need as many rows elsewhere: ${list}`,
    {
      hint:
        'the adapter must hold whatever has a row for each word, embeddings and head, as modules_to_save ' +
        'or by save_pretrained(FOLDER, save_embedding_layers=True)',
    },
  );
}

/**
 * What the base has beside the model.
 *
 * @throws RegmeanError `invalid-input` where config.json leaves out what the checkpoint has
 */
function surplusOf(
  { folder, shapes }: BaseModel,
  { backboneName, ignoredParameters }: Architecture,
  parameters: ReadonlyMap<string, ParameterDeclaration>,
): readonly string[] {
  const isIgnored = (name: string): boolean => ignoredParameters.some((pattern) => pattern.test(name));
  const surplus = [...shapes.keys()].filter((name) => !parameters.has(name) && !isIgnored(name));
  const wrong = contradictions(surplus, parameters, backboneName, () => false);
  if (wrong.length === 0) return surplus;
  throw new RegmeanError('invalid-input', `${folder}: weights must fit config.json: ${wrong.join('; ')}`, {
    hint: 'take config.json from where the weights are from',
  });
}

/** Ends of names that word embeddings and language-model heads usually have. */
const wordsByName = /(^|\.)(embed_tokens|word_embeddings|wte|shared|lm_head|embed_out)\.weight$/;

/** A family that is not known here: the base's tensors, updated or replaced, and a new head. */
function planUnknownFamily(
  base: BaseModel,
  adapter: AdapterTensors,
  config: AdapterConfig,
  request: PlanRequest,
): FullModelPlan {
  const changes = parameterChanges(adapter, config, {
    model: base.folder,
    parameterOf: (name) =>
      base.shapes.has(name) || config.modulesToSave.some((saved) => `.${name}`.includes(`.${saved}.`))
        ? name
        : null,
    isIgnored: () => false,
  });
  const words = [...changes.keys()].find((name) => wordsByName.test(name));
  if (words !== undefined && base.configJson.tie_word_embeddings !== false) {
    throw new RegmeanError(
      'unsupported',
      `${base.folder}: model_type must be known here where an adapter changes ${words}, ` +
        `got ${base.configJson.model_type}`,
      {
        hint:
          'whether the head is the embeddings is not known of this family: say "tie_word_embeddings": false ' +
          'in config.json of the base if it is not',
      },
    );
  }
  const added = [...changes.keys()].filter((name) => !base.shapes.has(name));
  const parameters = [...base.shapes.keys(), ...added].map((name): PlannedParameter => {
    const change = changes.get(name) ?? unchanged;
    const own = adapter.file.tensors.get(change.whole?.tensor ?? '')?.shape;
    return { name, shape: own ?? base.shapes.get(name) ?? [], from: own === undefined ? name : null, change };
  });
  const head = parameters.findLast(
    ({ name, shape }) => shape.length === 2 && /(^|\.)(classifier|score)(\.out_proj)?\.weight$/.test(name),
  );
  const size = head === undefined ? null : { name: head.name, size: head.shape[0] ?? 0 };
  return {
    parameters,
    labels: classNamesFor(request, base.configJson, size),
    configChanges: {},
    vocabularySize: null,
    surplus: [],
  };
}
