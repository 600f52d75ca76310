/** @file The choice among candidates wherever a method is chosen, and what does not go with it. */
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { mergeAuto } from '../../../merger/auto/merge-auto.ts';
import { addMergeFlags, readMergeFlags } from '../../../merger/commands/merge-flags.ts';
import { changedMerge } from '../../../merger/recipe/merge-section.ts';
import { formatRecipe, parseRecipe } from '../../../merger/recipe/read-recipe.ts';
import { roundMessage } from '../../../merger/service/round-message.ts';
import { formatRound } from '../../../shared/wire/round-report.ts';
import { quietContext } from '../../support/run-context.ts';

const recipe = (merge: string, statistics = '{}') =>
  parseRecipe(
    `name: reviews
base: base
task: text-classification
labels: [negative, positive]
agents: [north, south]
statistics: ${statistics}
merge: ${merge}
`,
    'round.yaml',
  );
const own =
  '{ method: auto, candidates: [{ method: regmean, alpha: 0.5 }, { method: ties, scale: 1.5 }], choose: both }';

/** What a command line says of merging. */
function flags(...args: string[]) {
  const command = addMergeFlags(new Command('merge'), { defaults: 'own', search: true });
  command.exitOverride().configureOutput({ writeErr: () => {} });
  command.parse(args, { from: 'user' });
  return readMergeFlags(command.opts());
}

describe('a recipe', () => {
  it('may ask for the usual candidates', () => {
    expect(recipe('{ method: auto, coefficients: { north: 2, south: 1 } }').merge).toEqual({
      ...{ method: 'auto', choose: 'mean', coefficients: { north: 2, south: 1 } },
      ...{ coefficientScale: 'normalized', heads: 'united' },
      ...{ average: [], include: [], exclude: [], allowDifferent: [] },
    });
  });

  it('may name candidates and a rule, and is stored as it was read', () => {
    const read = recipe(own);
    expect(read.merge).toMatchObject({
      candidates: [
        { method: 'regmean', alpha: 0.5 },
        { method: 'ties', scale: 1.5 },
      ],
      choose: 'both',
    });
    expect(parseRecipe(formatRecipe(read), 'stored')).toEqual(read);
  });

  it.each([
    ['{ method: auto, alpha: 0.5 }', 'merge.alpha: must be given to a candidate, method is auto'],
    ['{ method: auto, scale: 1.5 }', 'merge.scale: must be given to a candidate, method is auto'],
    ['{ method: ties, choose: worst }', 'merge.choose: needs method auto, got method ties'],
    ['{ candidates: [{ method: ties }] }', 'merge.candidates: needs method auto, got method regmean'],
    ['{ method: auto, candidates: [] }', 'merge.candidates: must hold at least 1, got 0'],
    [
      '{ method: auto, candidates: [{ method: ties, alpha: 1 }] }',
      'merge.candidates[0].alpha: needs method regmean, got method ties',
    ],
    ['{ method: auto, candidates: [{ method: auto }] }', 'merge.candidates[0].method: must be one of'],
    ['{ method: auto, choose: best }', 'merge.choose: must be one of mean, worst, both, got "best"'],
    [
      '{ method: auto, candidates: [{ method: ties }, { method: fisher }] }',
      'statistics.fisher: must have a variant, candidate 2: the fisher method needs Fisher information',
    ],
  ])('%s is refused', (merge, complaint) => {
    expect(() => recipe(merge)).toThrow(complaint);
  });

  it('without Grams is fine with the usual candidates, not with one that needs them', () => {
    expect(recipe('{ method: auto }', '{ grams: false }').merge.method).toBe('auto');
    expect(() => recipe(own, '{ grams: false }')).toThrow(
      'statistics.grams: must not be none, candidate 1: the regmean method needs Grams',
    );
  });

  it('tells agents what is chosen from, and how', () => {
    const told = roundMessage({
      round: { recipe: recipe(own), base: { fingerprint: '', files: [] }, paths: {} as never },
      ...{ standing: { state: 'open' } as never, agents: [], fusedFiles: [], agentModels: [] },
    });
    expect(told.merge).toMatchObject({ method: 'auto', scale: 1 });
    expect(formatRound(told)).toContain('auto, choose both, candidates regmean-alpha-0.5,ties-scale-1.5');
  });
});

describe('a command line', () => {
  it('names candidates with their options', () => {
    expect(
      flags(
        '--method',
        'auto',
        '--among',
        'regmean,covariance=weights,covariance-eps=0.2',
        '--among',
        'simple',
        '--choose',
        'worst',
      ),
    ).toEqual({
      ...{ method: 'auto', several: {} },
      given: {
        candidates: [{ method: 'regmean', covariance: 'weights', covarianceEps: 0.2 }, { method: 'simple' }],
        choose: 'worst',
      },
    });
  });

  it.each([
    [['--method', 'auto', '--alpha', '0.5'], '--alpha: must be given to a candidate, --method is auto'],
    [['--method', 'auto', '--scale', '1,2'], '--scale: must be given to a candidate, --method is auto'],
    [['--choose', 'worst'], '--choose: needs --method auto, got --method regmean'],
    [['--method', 'ties', '--among', 'simple'], '--among: needs --method auto, got --method ties'],
    [['--method', 'auto', '--among', 'simple,alpha=1'], 'alpha: needs method regmean, got method simple'],
    [['--method', 'auto', '--among', 'regmean,alpha='], 'alpha: must be a number'],
    [['--method', 'auto', '--among', 'regmean,beta=1'], 'must not have the key beta'],
    [['--method', 'auto', '--among', 'best'], 'method: must be one of'],
  ])('%j is refused', (args, complaint) => {
    expect(() => flags(...args)).toThrow(complaint);
  });
});

describe('a merge of stored contributions', () => {
  it('by another method than the recipe has the options that all merges share', () => {
    const auto = recipe('{ method: auto, heads: separate, choose: worst }').merge;
    expect(changedMerge(auto, 'ties', { density: 0.5 })).toMatchObject({
      method: 'ties',
      heads: 'separate',
      density: 0.5,
    });
    expect(changedMerge(auto, 'ties', {})).not.toHaveProperty('choose');
    expect(changedMerge(auto, 'auto', {})).toEqual(auto);
    const ties = recipe('{ method: ties, scale: 1.5, heads: separate }').merge;
    expect(changedMerge(ties, 'auto', { choose: 'both' })).toMatchObject({
      method: 'auto',
      heads: 'separate',
      choose: 'both',
    });
    expect(changedMerge(ties, 'auto', {})).not.toHaveProperty('scale');
    expect(changedMerge(ties, 'auto', {})).not.toHaveProperty('density');
  });
});

it('a call with options of a method is refused', async () => {
  const options = { method: 'auto', alpha: 0.5, out: 'nowhere' } as const;
  await expect(mergeAuto(['a'], options, {}, quietContext)).rejects.toThrow(
    'alpha: must be given to a candidate, method is auto',
  );
});
