import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecipe } from '../../../merger/recipe/read-recipe.ts';
import { expectationsOf } from '../../../merger/round/expectations.ts';
import { openRound } from '../../../merger/round/round-store.ts';
import { validateContribution } from '../../../shared/contribution/validate-contribution.ts';
import { baseFingerprint } from '../../../shared/formats/base-fingerprint.ts';
import { writeBase, writeRecipe, writeTinyContribution } from '../../support/tiny-round.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-expectations-'));
  await writeBase(join(folder, 'base'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Checks north's contribution, without the Gram of one layer, as a round of such a merge does. */
async function check(name: string, merge: string, withoutGram: string): Promise<unknown> {
  const base = join(folder, 'base');
  const recipe = join(folder, `${name}.yaml`);
  await writeRecipe(recipe, base, ['north'], [`merge: { ${merge} }`]);
  const round = await openRound(join(folder, name), await readRecipe(recipe), baseFingerprint);
  const contribution = join(folder, `${name}-contribution`);
  await writeTinyContribution(contribution, { agent: 'north', base, withoutGram });
  return validateContribution(contribution, await expectationsOf(round, 'north'));
}

describe('a round of another base', () => {
  const checkAgainst = async (name: string, merge: string): Promise<unknown> => {
    const base = join(folder, `${name}-base`);
    await writeBase(base);
    const config = JSON.parse(await readFile(join(base, 'config.json'), 'utf8'));
    await writeFile(join(base, 'config.json'), JSON.stringify({ ...config, num_attention_heads: 4 }));
    const recipe = join(folder, `${name}.yaml`);
    await writeRecipe(recipe, base, ['north'], [`merge: { ${merge} }`]);
    const round = await openRound(join(folder, name), await readRecipe(recipe), baseFingerprint);
    const contribution = join(folder, `${name}-contribution`);
    await writeTinyContribution(contribution, { agent: 'north', base });
    return validateContribution(contribution, await expectationsOf(round, 'north'));
  };

  it('refuses a contribution of which equal weights mean something else', async () => {
    await expect(checkAgainst('other-heads', 'method: regmean')).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('num_attention_heads: the base has 4, got 2'),
    });
  });

  it('takes it where its recipe allows that', async () => {
    const merge = 'allowDifferent: [num_attention_heads]';
    await expect(checkAgainst('allowed-heads', merge)).resolves.toMatchObject({ agent: 'north' });
  });
});

describe('a round that wants Grams', () => {
  it('refuses a contribution that has none of a linear layer, naming it', async () => {
    await expect(check('all', 'method: regmean', 'classifier')).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('Grams of all linear layers must be there, none of classifier'),
    });
  });

  it.each([
    ['averages', "average: ['^classifier']"],
    ['keeps from the base', "exclude: ['^classifier']"],
    ['leaves out of the merge', "include: ['^bert']"],
  ])('needs none of a layer that its recipe %s', async (name, merge) => {
    await expect(check(name, merge, 'classifier')).resolves.toMatchObject({ agent: 'north' });
  });
});
