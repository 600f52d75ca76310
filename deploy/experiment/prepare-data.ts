/** @file The data of one seed: a built-in corpus, or the user's own files. */
import { join } from 'node:path';
import { columnsForTask } from '../../shared/data/choose-columns.ts';
import { type ColumnNames, columnNamesIn } from '../../shared/data/column-names.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { classesInFiles } from '../../shared/inference/load-examples.ts';
import type { TaskKind } from '../../shared/task.ts';
import type { ExperimentData } from '../datasets/experiment-data.ts';
import { sampleFiles } from '../datasets/sample-files.ts';
import { writeCorpus } from '../datasets/write-corpus.ts';
import { writePartition } from '../datasets/write-partition.ts';
import type { Experiment } from './experiment-file.ts';

const defaultSizes = { train: 900, dev: 150, test: 300 };

/**
 * Makes the data of a seed; what has to be written goes into `directory`.
 *
 * @throws RegmeanError for a corpus or files that cannot be read
 */
export async function prepareData(
  { data }: Experiment,
  seed: number,
  directory: string,
): Promise<ExperimentData> {
  const { agents, testSets } = await dataOf(data, seed, directory);
  const { metric } = data;
  return {
    agents,
    testSets: testSets.map((set) =>
      metric !== undefined && set.task === 'text-classification' ? { ...set, metric } : set,
    ),
  };
}

async function dataOf(data: Experiment['data'], seed: number, directory: string): Promise<ExperimentData> {
  const { corpus, partition, joint } = data;
  if (corpus !== undefined) {
    const options = { sizes: data.sizes ?? defaultSizes, ...(partition === undefined ? {} : { partition }) };
    return writeCorpus(corpus, options, seed, join(directory, `seed-${seed}`));
  }
  if (joint !== undefined && partition !== undefined) {
    const columns = columnNamesIn(data);
    const labels = data.labels ?? (await classesInFiles(joint.train, 'text-classification', columns));
    return writePartition({ ...joint, columns }, labels, partition, seed, join(directory, `seed-${seed}`));
  }
  const whole = await dataOfFiles(data);
  return data.sizes === undefined
    ? whole
    : sampleFiles(whole, data.sizes, seed, join(directory, `seed-${seed}`));
}

/** Agents and test sets as the experiment file lists them. */
async function dataOfFiles({
  domains = [],
  outOfDomain,
  task,
  labels,
  ...common
}: Experiment['data']): Promise<ExperimentData> {
  const agents: ExperimentData['agents'][number][] = [];
  const testSets: ExperimentData['testSets'][number][] = [];
  for (const domain of domains) {
    const own = requiredTask(domain.name, domain.task ?? task);
    const columns = columnsOf(own, common, domain);
    const names = domain.labels ?? labels ?? (await classesInFiles(domain.train, own, columns));
    const { name, train, dev } = domain;
    agents.push({ name, task: own, labels: names, train, dev, columns });
    testSets.push({
      name: domain.name,
      task: own,
      labels: names,
      test: domain.test,
      dev: domain.dev,
      columns,
      owner: domain.name,
      group: 'in-domain',
    });
  }
  for (const set of outOfDomain) {
    const own = requiredTask(set.name, set.task ?? task);
    const columns = columnsOf(own, common, set);
    testSets.push({
      name: set.name,
      task: own,
      labels: set.labels ?? labels ?? (await classesInFiles(set.test, own, columns)),
      test: set.test,
      dev: set.dev,
      columns,
      owner: null,
      group: 'out-of-domain',
    });
  }
  return { agents, testSets };
}

/** Names of columns for all data, but for what an entry says itself. */
function columnsOf(task: TaskKind, common: ColumnNames, own: ColumnNames): ColumnNames {
  return { ...columnsForTask(columnNamesIn(common), task), ...columnNamesIn(own) };
}

function requiredTask(name: string, task: TaskKind | undefined): TaskKind {
  if (task !== undefined) return task;
  throw new RegmeanError('usage', `data: ${name} needs a task, in its entry or for all`);
}
