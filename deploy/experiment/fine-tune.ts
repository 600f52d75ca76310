/** @file The models of an experiment, each fine-tuned once. */
import { trainModel } from '../../agent/steps/train-model.ts';
import { learningRateFor, trainingDefaults } from '../../agent/training/training-options.ts';
import { isTrained, readTrainingRecord } from '../../shared/contribution/training-record.ts';
import type { DataColumns } from '../../shared/data/column-names.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { deriveSeed } from '../../shared/random.ts';
import type { TaskKind } from '../../shared/task.ts';
import type { AgentData } from '../datasets/experiment-data.ts';
import { artifactFolder, artifactKey, type ExperimentContext } from './context.ts';

/** A fine-tuned model. */
export interface FineTuned {
  readonly name: string;
  readonly key: string;
  readonly folder: string;
  readonly task: TaskKind;
  readonly labels: readonly string[];
  readonly train: readonly string[];
  readonly columns?: DataColumns;
  readonly examples: number;
}

/** Fine-tunes the base on an agent's data. An interrupted training is continued. */
export async function fineTune(
  context: ExperimentContext,
  agent: AgentData,
  seed: number,
): Promise<FineTuned> {
  const { initialization } = context.experiment.heads;
  const headSeed = initialization === 'shared' ? seed : deriveSeed(seed, 'head', agent.name);
  const columns = agent.columns === undefined ? {} : { columns: agent.columns };
  const { freeze, ...training } = context.experiment.training;
  const key = artifactKey({
    base: context.baseKey,
    task: agent.task,
    labels: agent.labels,
    columns: agent.columns,
    train: await context.digests(agent.train),
    dev: await context.digests(agent.dev),
    training,
    freeze,
    seed,
    headSeed,
  });
  const folder = artifactFolder(context, { kind: 'models', name: agent.name, key });
  if (!(await isTrained(folder))) {
    context.note(`fine-tuning ${agent.name}, seed ${seed}`);
    await trainModel(
      {
        ...trainingDefaults,
        ...withoutUndefined(training),
        learningRate: learningRateFor(training.learningRate, training.lora),
        model: context.base,
        task: agent.task,
        labels: agent.labels,
        trainFiles: agent.train,
        devFiles: agent.dev,
        ...columns,
        out: folder,
        seed,
        headSeed,
        freeze: freeze.map((pattern) => new RegExp(pattern)),
      },
      context,
    );
  }
  const { examples = 0 } = await readTrainingRecord(folder);
  return {
    name: agent.name,
    key,
    folder,
    task: agent.task,
    labels: agent.labels,
    train: agent.train,
    ...columns,
    examples,
  };
}

/** Name of the model that is fine-tuned on the data of all agents. */
export const multiTaskName = 'multi-task';

/**
 * The data of all agents as one agent's: what multi-task training would need, if data could be
 * shared.
 *
 * @throws RegmeanError `usage` when the agents have different tasks
 */
export function unionOf(agents: readonly AgentData[]): AgentData {
  const [first] = agents;
  if (first === undefined || agents.some(({ task }) => task !== first.task)) {
    throw new RegmeanError('usage', 'settings: multi-task needs agents with one common task');
  }
  return {
    name: multiTaskName,
    task: first.task,
    labels: [...new Set(agents.flatMap(({ labels }) => labels))],
    train: agents.flatMap(({ train }) => train),
    dev: agents.flatMap(({ dev }) => dev),
    columns: {
      ofFiles: Object.fromEntries(
        agents.flatMap(({ train, dev, columns = {} }) => [...train, ...dev].map((file) => [file, columns])),
      ),
    },
  };
}

function withoutUndefined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
