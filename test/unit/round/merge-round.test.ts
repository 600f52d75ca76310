import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statisticsDefaults } from '../../../agent/statistics/statistics-options.ts';
import { collectStatistics } from '../../../agent/steps/collect-statistics.ts';
import { runTraining } from '../../../agent/training/run-training.ts';
import { trainingDefaults } from '../../../agent/training/training-options.ts';
import { isAuto } from '../../../merger/auto/auto-options.ts';
import { parseRecipe } from '../../../merger/recipe/read-recipe.ts';
import { makeRoundCandidates } from '../../../merger/round/candidate-merge.ts';
import { expectationsOf } from '../../../merger/round/expectations.ts';
import { mergeRound } from '../../../merger/round/merge-round.ts';
import { openRound, type StoredRound } from '../../../merger/round/round-store.ts';
import { storeScores } from '../../../merger/round/scoring-store.ts';
import { readManifest } from '../../../shared/contribution/manifest.ts';
import { validateContribution } from '../../../shared/contribution/validate-contribution.ts';
import { baseFingerprint } from '../../../shared/formats/base-fingerprint.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { quietContext } from '../../support/run-context.ts';
import { toyRows, writeRows, writeTinyBase } from '../../support/tiny-model.ts';

let folder: string;
let base: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-merge-round-'));
  base = await writeTinyBase(join(folder, 'base'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function startRound(
  name: string,
  task: TaskKind,
  labels: readonly string[],
  more: readonly string[] = [],
): Promise<StoredRound> {
  const yaml = [
    `name: ${name}`,
    `base: ${base}`,
    `task: ${task}`,
    `labels: [${labels.join(', ')}]`,
    'agents: [north, south]',
    ...more,
  ];
  const recipe = parseRecipe(`${yaml.join('\n')}\n`, join(folder, `${name}.yaml`));
  return openRound(join(folder, 'store'), recipe, baseFingerprint);
}

/**
 * Fine-tunes by the round's recipe as an agent does, and puts what it would send into the round
 * once it is checked.
 */
async function contribute(round: StoredRound, agent: string, rows: readonly object[]): Promise<string> {
  const { task, labels, name } = round.recipe;
  const model = join(folder, `${name}-${agent}-model`);
  const data = await writeRows(join(folder, `${name}-${agent}.jsonl`), rows);
  const common = { task };
  await runTraining(
    {
      ...{ ...trainingDefaults, ...common, model: base, trainFiles: [data], devFiles: [], out: model },
      ...{ labels, epochs: 1, headSeed: 0, freeze: [] },
    },
    quietContext,
  );
  await mkdir(round.paths.contributions, { recursive: true });
  const out = join(round.paths.contributions, agent);
  const shareMetrics = false;
  await collectStatistics(
    {
      ...statisticsDefaults,
      ...common,
      model,
      dataFiles: [data],
      out,
      agent,
      shareMetrics,
    },
    quietContext,
  );
  await validateContribution(out, await expectationsOf(round, agent));
  return out;
}

const merge = (round: StoredRound, out: string) =>
  mergeRound(round, { agents: ['north', 'south'], out: join(folder, out) }, quietContext);

describe('a round whose agents do not all have every class', () => {
  const multi = 'multi-label-classification';
  const warmOnly = toyRows(multi, 12, 2).map((row) => ({ ...row, labels: ['warm'] }));

  it('merges each class from the agents whose manifest says that they learned it', async () => {
    const round = await startRound('partial', multi, ['cold', 'warm']);
    await contribute(round, 'north', toyRows(multi, 12, 1));
    await contribute(round, 'south', warmOnly);
    const report = await merge(round, 'partial');
    expect(report.labels).toEqual(['cold', 'warm']);
    expect(report.classes).toEqual({ cold: ['north'] });
  });

  it('is not merged when nobody has a class, which is named', async () => {
    const round = await startRound('unlearned', multi, ['cold', 'warm', 'hot']);
    await contribute(round, 'north', toyRows(multi, 12, 1));
    await contribute(round, 'south', warmOnly);
    await expect(merge(round, 'unlearned')).rejects.toThrow(
      'class hot: must be learned by an agent, none did',
    );
  });
});

describe('a round of regression', () => {
  it('has no labels, in its recipe and in what agents send', async () => {
    const round = await startRound('values', 'regression', []);
    const north = await contribute(round, 'north', toyRows('regression', 12, 1));
    await contribute(round, 'south', toyRows('regression', 12, 2));
    expect((await readManifest(north)).labels).toEqual([]);
    expect(await merge(round, 'values')).toMatchObject({ task: 'regression', labels: [], classes: null });
  });
});

describe('a round whose agents have scored candidates', () => {
  it('is merged again by what they said of the same candidates, and by the order for others', async () => {
    const rows = [
      'merge:',
      '  method: auto',
      '  candidates: [{ method: simple }, { method: simple, scale: 0.5 }]',
    ];
    const round = await startRound('scored', 'regression', [], rows);
    for (const [index, agent] of ['north', 'south'].entries()) {
      await contribute(round, agent, toyRows('regression', 12, index));
    }
    const { merge: own, agents } = round.recipe;
    if (!isAuto(own)) throw new TypeError('the recipe must choose');
    const { digest, candidates } = await makeRoundCandidates({ ...round, agents, merge: own }, quietContext);
    await mkdir(round.paths.scores);
    const scores = candidates.map(({ name }, index) => ({
      ...{ candidate: name, metric: 'pearson', value: index / 2, examples: 12 },
    }));
    await storeScores(round.paths, 'north', { set: digest, scores });
    await storeScores(round.paths, 'south', null);

    expect((await merge(round, 'scored')).choice).toMatchObject({
      by: 'scores',
      chosen: candidates[1]?.name,
    });
    const notes: string[] = [];
    const alone = await mergeRound(
      round,
      { agents: ['north'], out: join(folder, 'alone') },
      { ...quietContext, note: (message) => notes.push(message) },
    );
    expect(alone.choice).toMatchObject({ by: 'order', chosen: candidates[0]?.name });
    expect(notes).toContain(
      'the scores that agents sent are of other candidates than these: the order decides',
    );
  });
});
