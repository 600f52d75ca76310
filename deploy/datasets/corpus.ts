/**
 * @file A corpus: the rows of every agent and test set of an experiment, and how they become files.
 */
import { join } from 'node:path';
import type { TaskKind } from '../../shared/task.ts';
import type { DatasetRow, DemoDataset } from './dataset.ts';
import type { ExperimentData, TestSet } from './experiment-data.ts';
import { writeRows } from './write-rows.ts';

/** One agent's private rows. */
export interface CorpusAgent {
  readonly name: string;
  readonly task: TaskKind;
  readonly labels: readonly string[];
  readonly train: readonly DatasetRow[];
  readonly dev: readonly DatasetRow[];
}

/** Rows that models are scored on. */
export interface CorpusTestSet extends Pick<TestSet, 'name' | 'task' | 'labels' | 'owner' | 'group'> {
  readonly dev: readonly DatasetRow[];
  readonly test: readonly DatasetRow[];
}

/**
 * Agents and test sets. No row is in two of them, except that an agent's dev rows are its own test
 * set's too.
 */
export interface Corpus {
  readonly agents: readonly CorpusAgent[];
  readonly testSets: readonly CorpusTestSet[];
}

/** Domains of one task as agents, each with a test set of its own. */
export function corpusOfDomains({ task, labels, domains, outOfDomain }: DemoDataset): Corpus {
  return {
    agents: domains.map(({ domain, train, dev }) => ({ name: domain, task, labels, train, dev })),
    testSets: [
      ...domains.map(({ domain, dev, test }) => ({
        ...{ name: domain, task, labels, dev, test },
        owner: domain,
        group: 'in-domain' as const,
      })),
      ...outOfDomain.map(({ domain, dev, test }) => ({
        ...{ name: domain, task, labels, dev, test },
        owner: null,
        group: 'out-of-domain' as const,
      })),
    ],
  };
}

/** Writes a corpus as JSON Lines files: a folder per agent, a folder per test set. */
export async function writeCorpusFiles(corpus: Corpus, directory: string): Promise<ExperimentData> {
  const agents: ExperimentData['agents'][number][] = [];
  for (const { name, task, labels, train, dev } of corpus.agents) {
    const folder = join(directory, 'agents', name);
    agents.push({
      ...{ name, task, labels },
      train: [await writeRows(folder, 'train', train)],
      dev: [await writeRows(folder, 'dev', dev)],
    });
  }
  const testSets: TestSet[] = [];
  for (const { name, task, labels, owner, group, dev, test } of corpus.testSets) {
    const folder = join(directory, 'tests', name);
    testSets.push({
      ...{ name, task, labels, owner, group },
      test: [await writeRows(folder, 'test', test)],
      dev: dev.length === 0 ? [] : [await writeRows(folder, 'dev', dev)],
    });
  }
  return { agents, testSets };
}
