import { join } from 'node:path';
import { baseIdentity } from '../contribution/base-identity.ts';
import {
  readTrainingRecord,
  type TrainingRecord,
  trainingRecordFile,
  writeTrainingRecord,
} from '../contribution/training-record.ts';
import { RegmeanError } from '../errors.ts';
import { listFolder, requireNewFolder, writeFolderAtomically } from '../files/atomic-folder.ts';
import { requireFinishedTraining } from '../formats/unfinished-training.ts';
import { copySideFiles } from '../models/side-files.ts';
import { headMembers, writeConfig } from '../models/written-config.ts';
import { weightsFile } from '../safetensors/model-weights.ts';
import { writeSafetensors } from '../safetensors/write-safetensors.ts';
import type { TaskKind } from '../task.ts';
import { readAdapterConfig } from './adapter-config.ts';
import { openAdapterTensors } from './adapter-tensors.ts';
import { baseFolderOf, openBaseModel } from './base-model.ts';
import { changedValues, requireFittingTensors, type ValueSources } from './changed-values.ts';
import { type FullModelPlan, type PlanRequest, planFullModel } from './full-model-plan.ts';
import { sideFilesFor } from './side-files-for.ts';

/** Which adapter, of which model. */
export interface FullModelOptions {
  /** Folder of the adapter. */
  readonly adapter: string;
  /** Folder of the base model; what adapter_config.json names when absent. */
  readonly base?: string;
  /** What training.json of the adapter says when absent. */
  readonly task?: TaskKind;
  /**
   * Names of the classes, in the order of the head; when absent those of training.json, else
   * LABEL_0 .. where the base has none.
   */
  readonly labels?: readonly string[];
  readonly out: string;
}

/** What was written. */
export interface FullModel {
  readonly out: string;
  readonly base: string;
  /** Modules whose weights were updated. */
  readonly updated: number;
  /** Parameters taken from the adapter as a whole, or some rows of them. */
  readonly saved: number;
  readonly labels: readonly string[];
  /** What is different from the base beside the weights. */
  readonly notes: readonly string[];
}

/**
 * Writes the full weights W + s B A, with config.json, tokenizer and a record of the base,
 * atomically.
 *
 * @throws RegmeanError when the base is not found, a key of adapter_config.json cannot be applied,
 *   or a tensor of the adapter does not fit the base, naming the key or the tensor
 */
export async function writeFullModel(given: FullModelOptions): Promise<FullModel> {
  await requireNewFolder(given.out);
  await requireFinishedTraining(given.adapter);
  const record = await recordOf(given.adapter);
  const options = { ...given, ...purposeOf(given, record) };
  const config = await readAdapterConfig(options.adapter);
  const adapter = await openAdapterTensors(options.adapter);
  try {
    const base = await openBaseModel(await baseFolderOf(options.adapter, options.base, config), options.task);
    try {
      const plan = await planFullModel(base, adapter, config, options);
      const sources = { base, adapter, config };
      for (const parameter of plan.parameters) requireFittingTensors(sources, parameter);
      const rows = plan.vocabularySize ?? Number(base.configJson.vocab_size ?? Number.POSITIVE_INFINITY);
      const { vocabularySize } = plan;
      const from = { base: base.folder, adapter: options.adapter };
      const sideFiles = await sideFilesFor({ ...from, vocabularySize, rows });
      await writeFolderAtomically(options.out, async (folder) => {
        await writeWeights(folder, sources, plan);
        for (const [own, paths] of sideFiles.files) await copySideFiles(own, folder, paths);
        await writeConfig(folder, base.configText, 'F32', {
          ...plan.configChanges,
          ...headMembers(
            options.task,
            plan.labels,
            base.architecture?.classNames[options.task],
            base.configText,
          ),
        });
        await writeTrainingRecord(folder, {
          ...record,
          task: options.task,
          labels: [...plan.labels],
          ...(await baseIdentity(base.folder)),
        });
      });
      return {
        out: options.out,
        base: base.folder,
        updated: adapter.updates.size,
        saved: adapter.whole.size + adapter.rows.size,
        labels: plan.labels,
        notes: [...notesOn(plan), ...sideFiles.notes],
      };
    } finally {
      await base.close();
    }
  } finally {
    await adapter.file.close();
  }
}

/** training.json of an adapter that was trained here. */
async function recordOf(adapter: string): Promise<TrainingRecord | undefined> {
  const names = (await listFolder(adapter)) ?? [];
  return names.includes(trainingRecordFile) ? readTrainingRecord(adapter) : undefined;
}

/** The task and classes: those given, else those that the adapter was trained for here. */
function purposeOf(
  { adapter, task, labels }: FullModelOptions,
  record: TrainingRecord | undefined,
): PlanRequest {
  const own = task ?? record?.task;
  if (own === undefined) {
    throw new RegmeanError('usage', `--task: needed, ${adapter} has no ${trainingRecordFile}`);
  }
  const classes = labels ?? (record?.task === own ? record.labels : undefined);
  return { task: own, ...(classes === undefined ? {} : { labels: classes }) };
}

async function writeWeights(folder: string, sources: ValueSources, plan: FullModelPlan): Promise<void> {
  const tensors = plan.parameters.map((parameter) => ({
    name: parameter.name,
    shape: parameter.shape,
    data: () => changedValues(sources, parameter),
  }));
  await writeSafetensors(join(folder, weightsFile), tensors, { format: 'pt' });
}

function notesOn({ configChanges, vocabularySize, surplus }: FullModelPlan): readonly string[] {
  const shown = surplus.slice(0, 8).join(', ');
  const more = surplus.length > 8 ? `, and ${surplus.length - 8} more` : '';
  return [
    ...(configChanges.tie_word_embeddings === false
      ? ['the head has a weight of its own now, which was the embeddings in the base (tie_word_embeddings)']
      : []),
    ...(vocabularySize === null ? [] : [`the vocabulary has ${vocabularySize} rows now (vocab_size)`]),
    ...(surplus.length === 0 ? [] : [`left out, which the task has no place for: ${shown}${more}`]),
  ];
}
