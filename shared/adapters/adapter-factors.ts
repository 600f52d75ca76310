/**
 * @file An adapter as what it adds to its base: two factors for every weight that it changes, and
 *   the parameters that it holds as a whole. Adapters that change a model in other ways are not of
 *   this form and are refused by the name of the key.
 */
import { type ContributionManifest, manifestFile, readManifest } from '../contribution/manifest.ts';
import {
  readTrainingRecord,
  type TrainingRecord,
  trainingRecordFile,
} from '../contribution/training-record.ts';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import { isFolder } from '../files/present.ts';
import { requireFinishedTraining } from '../formats/unfinished-training.ts';
import type { Matrix } from '../linalg/matrix.ts';
import { adapterConfigFile, configFile } from '../models/config-json.ts';
import type { SafetensorsFile } from '../safetensors/open-safetensors.ts';
import type { TaskKind } from '../task.ts';
import { type AdapterConfig, readAdapterConfig } from './adapter-config.ts';
import { openAdapterTensors, readFinite } from './adapter-tensors.ts';
import { blockDiagonal } from './apply-update.ts';
import { baseFolderOf, openBaseModel } from './base-model.ts';
import { requireFittingTensors } from './changed-values.ts';
import { type FullModelPlan, type PlannedParameter, planFullModel } from './full-model-plan.ts';

/** The factors of one weight's change. */
export interface WeightFactors {
  /** Names of the two tensors in the adapter's file. */
  readonly tensors: { readonly a: string; readonly b: string };
  readonly rank: number;
  /** Sizes of the change B A, [outputs, inputs], whichever way the weight is stored. */
  readonly outputs: number;
  readonly inputs: number;
  /**
   * A [rank, inputs], and B [outputs, rank] times the factor of the update.
   *
   * @throws RegmeanError `invalid-input` when a value is not finite
   */
  read(): Promise<{ readonly a: Matrix; readonly b: Matrix }>;
}

/** An open adapter. Parameters have the names of the model's graph. */
export interface AdapterFactors {
  readonly folder: string;
  readonly config: AdapterConfig;
  readonly file: SafetensorsFile;
  /** The folder of its base. */
  readonly base: string;
  readonly task: TaskKind;
  /** Classes in the order of the head. */
  readonly labels: readonly string[];
  /** Weight -> its change. */
  readonly updates: ReadonlyMap<string, WeightFactors>;
  /** Parameter -> the tensor that holds it. */
  readonly whole: ReadonlyMap<string, string>;
  /** contribution.json and training.json, where they are there. */
  readonly manifest: ContributionManifest | undefined;
  readonly record: TrainingRecord | undefined;
  close(): Promise<void>;
}

/** Whether a path is a folder that holds an adapter, and no model; a model may be a file. */
export async function holdsAdapter(path: string): Promise<boolean> {
  if (!(await isFolder(path))) return false;
  const names = (await listFolder(path)) ?? [];
  return names.includes(adapterConfigFile) && !names.includes(configFile);
}

/** What is known of an adapter beside its files. */
export interface AdapterRequest {
  /** Folder of the base; what adapter_config.json names when absent. */
  readonly base?: string | undefined;
  /** What contribution.json, training.json or adapter_config.json say when absent. */
  readonly task?: TaskKind;
  readonly labels?: readonly string[];
}

/**
 * Opens an adapter.
 *
 * @throws RegmeanError `unsupported` naming the key of adapter_config.json where the adapter is
 *   more than factors and whole parameters; `usage` where its task is not told; and all that
 *   reading an adapter throws
 */
export async function openAdapterFactors(
  folder: string,
  { base: givenBase, task: givenTask, labels: givenLabels }: AdapterRequest = {},
): Promise<AdapterFactors> {
  await requireFinishedTraining(folder);
  const names = (await listFolder(folder)) ?? [];
  const config = await readAdapterConfig(folder);
  const manifest = names.includes(manifestFile) ? await readManifest(folder) : undefined;
  const record = names.includes(trainingRecordFile) ? await readTrainingRecord(folder) : undefined;
  const said = manifest?.task ?? record?.task;
  const task = givenTask ?? said ?? requireTask(config);
  if (said !== undefined && said !== task) {
    throw new RegmeanError('usage', `--task: ${folder} was trained for ${said}, got ${task}`);
  }
  const labels = givenLabels ?? manifest?.labels ?? record?.labels;
  const base = await baseFolderOf(folder, givenBase, config);
  const adapter = await openAdapterTensors(folder);
  try {
    const model = await openBaseModel(base, task);
    try {
      const request = { task, ...(labels === undefined ? {} : { labels }) };
      const plan = await planFullModel(model, adapter, config, request);
      requireFactors(config, plan);
      const sources = { base: model, adapter, config };
      for (const parameter of plan.parameters) requireFittingTensors(sources, parameter);
      return {
        ...{ folder, config, base, task, labels: plan.labels, manifest, record, file: adapter.file },
        updates: new Map(
          plan.parameters.flatMap((own): [string, WeightFactors][] =>
            own.change.update === null ? [] : [[own.name, factorsOf(own, adapter.file, config)]],
          ),
        ),
        whole: new Map(
          plan.parameters.flatMap(({ name, change: { whole } }): [string, string][] =>
            whole === null ? [] : [[name, whole.tensor]],
          ),
        ),
        close: () => adapter.file.close(),
      };
    } finally {
      await model.close();
    }
  } catch (error) {
    await adapter.file.close();
    throw error;
  }
}

/** PEFT's names of tasks. */
const tasks: Readonly<Record<string, TaskKind>> = {
  SEQ_CLS: 'text-classification',
  TOKEN_CLS: 'token-classification',
  CAUSAL_LM: 'causal-lm',
  SEQ_2_SEQ_LM: 'text2text',
};

/** PEFT's name of a task; null where it has none. */
export function peftTask(task: TaskKind): string | null {
  if (task === 'multi-label-classification' || task === 'regression') return 'SEQ_CLS';
  return Object.entries(tasks).find(([, own]) => own === task)?.[0] ?? null;
}

function requireTask({ path, taskType }: AdapterConfig): TaskKind {
  const task = tasks[taskType ?? ''];
  if (task !== undefined) return task;
  throw new RegmeanError(
    'usage',
    `${path}: task_type must say what the adapter is for, got ${taskType ?? 'nothing'}`,
    { hint: 'make a contribution of it, which says so: regmean stats --model ADAPTER --task KIND' },
  );
}

/** What to do with adapters that are more than factors. */
const asModels =
  'write it as a full model with `regmean adapter`, and its contribution with `regmean stats`: full models are ' +
  'merged whatever their adapters were';

function requireFactors({ path, isDora }: AdapterConfig, plan: FullModelPlan): void {
  const refuse = (key: string, what: string): never => {
    throw new RegmeanError(
      'unsupported',
      `${path}: ${key} must be absent where adapters are merged, ${what}`,
      {
        hint: asModels,
      },
    );
  };
  if (isDora) refuse('use_dora', 'the length of rows is no sum of a weight and two factors');
  if (plan.vocabularySize !== null)
    refuse('a vocabulary of another size', `got ${plan.vocabularySize} words`);
  for (const { name, change } of plan.parameters) {
    if (change.added !== null) refuse('lora_bias', `got an update of ${name}`);
    if (change.rows !== null) refuse('trainable_token_indices', `got rows of ${name}`);
  }
  if (Object.keys(plan.configChanges).length > 0) {
    refuse('an update of tied embeddings', 'the model would have a head of its own');
  }
}

function factorsOf(
  { name, shape, change }: PlannedParameter,
  file: SafetensorsFile,
  config: AdapterConfig,
): WeightFactors {
  const { module, update, tiedTo } = change.update as NonNullable<typeof change.update>;
  const rank = config.rankOf(tiedTo ?? module);
  const blocks = config.blocksOf(module);
  const inputs = (file.tensors.get(update.a)?.shape[1] ?? 0) * blocks.a;
  const outputs = file.tensors.get(update.b)?.shape[0] ?? 0;
  const scaling = config.scalingOf(module);
  if (inputs * outputs !== shape.reduce((product, size) => product * size, 1)) {
    throw new TypeError(`factorsOf: factors must be of ${name}`);
  }
  return {
    ...{ tensors: { a: update.a, b: update.b }, rank, outputs, inputs },
    async read() {
      const a = blockDiagonal(await readFinite(file, update.a), rank, inputs, blocks.a);
      const b = blockDiagonal(await readFinite(file, update.b), outputs, rank, blocks.b);
      return {
        a: { rows: rank, columns: inputs, data: Float64Array.from(a) },
        b: { rows: outputs, columns: rank, data: Float64Array.from(b, (value) => scaling * value) },
      };
    },
  };
}
