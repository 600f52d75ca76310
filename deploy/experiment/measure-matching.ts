/**
 * @file Merges of two agents after matching the neurons of one to the other's (paper, Appendix D).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { matchContribution } from '../../merger/matching/match-contribution.ts';
import {
  type MatchReport,
  matchedFolder,
  matchReportFile,
  matchReportSchema,
} from '../../merger/matching/match-report.ts';
import type { DataColumns } from '../../shared/data/column-names.ts';
import { readJson } from '../../shared/files/read-json.ts';
import { fixedFirst } from './automatic.ts';
import { collect, nameOfStatistics, type StoredContribution, statisticsOf } from './collect.ts';
import { artifactFolder, artifactKey } from './context.ts';
import type { FineTuned } from './fine-tune.ts';
import type { MatchedLayer, Measurement } from './results.ts';
import { methodsOf, type SeedRun, scoreContributions, testSetsOf } from './seed-run.ts';

/** Measurements and matrices of a seed; none when the experiment matches nothing. */
export async function measureMatching(run: SeedRun): Promise<{
  readonly measurements: readonly Measurement[];
  readonly matchedLayers: readonly MatchedLayer[];
}> {
  const { matching } = run.context.experiment;
  const methods = fixedFirst(run.context.experiment);
  if (matching === undefined) return { measurements: [], matchedLayers: [] };
  const [left, right] = matching.agents.map((name) => run.models.find((own) => own.name === name)) as [
    FineTuned,
    FineTuned,
  ];
  const measurements: Measurement[] = [];
  const matchedLayers: MatchedLayer[] = [];
  const scope = { testSets: testSetsOf(run, [left, right]), validation: false };
  for (const way of ['none', ...matching.by] as const) {
    for (const method of methods) {
      const kinds = statisticsOf(methodsOf(run, method));
      const ours = await collect({ model: left, kinds, seed: run.seed }, run.context);
      const theirs = await collect({ model: right, kinds, seed: run.seed }, run.context);
      const matched =
        way === 'none'
          ? null
          : await match(run, { left: ours, right: theirs }, left, nameOfStatistics(kinds), way);
      measurements.push({
        seed: run.seed,
        setting: 'matching',
        method: method.label,
        agents: [left.name, right.name],
        matching: way,
        ...(await scoreContributions(run, [ours, matched?.contribution ?? theirs], method, scope)),
      });
      if (matched !== null && way !== 'none' && method === methods[0]) {
        for (const { layer, dimension, fixedShare, meanDiagonal, meanOffDiagonal, corner } of matched.report
          .layers) {
          matchedLayers.push({
            ...{ seed: run.seed, by: way, agents: [left.name, right.name], layer, dimension },
            ...{ fixedShare, meanDiagonal, meanOffDiagonal, corner },
          });
        }
      }
    }
  }
  return { measurements, matchedLayers };
}

/** The right contribution with its neurons in the order that fits the left one's, computed once. */
async function match(
  run: SeedRun,
  { left, right }: Readonly<Record<'left' | 'right', StoredContribution>>,
  model: FineTuned,
  statistics: string,
  by: 'weights' | 'activations',
): Promise<{ readonly contribution: StoredContribution; readonly report: MatchReport }> {
  const { context, data } = run;
  // The developer has no agent's training data: activations are compared on validation texts of
  // both domains.
  const testSets = testSetsOf(
    run,
    run.models.filter(({ name }) => [left.agent, right.agent].includes(name)),
  ).filter(({ owner }) => owner !== null || data.testSets.length === 1);
  const dataFiles = testSets.flatMap(({ dev }) => dev);
  const columns: DataColumns = {
    ofFiles: Object.fromEntries(
      testSets.flatMap(({ dev, columns: own = {} }) => dev.map((file) => [file, own])),
    ),
  };
  const key = artifactKey({
    ...{ left: left.key, right: right.key, by, data: await context.digests(dataFiles) },
    columns: testSets.map((own) => own.columns),
  });
  const out = artifactFolder(context, {
    kind: 'matched',
    name: `${left.agent}-${right.agent}-${statistics}-${by}`,
    key,
  });
  if (!existsSync(join(out, matchReportFile))) {
    context.note(`matching ${right.agent} to ${left.agent} by ${by}`);
    await matchContribution(
      { left: left.folder, right: right.folder, out, by, task: model.task, dataFiles, columns },
      context,
    );
  }
  return {
    contribution: { ...right, key, folder: join(out, matchedFolder) },
    report: await readJson(join(out, matchReportFile), matchReportSchema),
  };
}
