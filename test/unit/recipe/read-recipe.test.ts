import { describe, expect, it } from 'vitest';
import { formatRecipe, parseRecipe } from '../../../merger/recipe/read-recipe.ts';
import { deadlineOf, quorumOf } from '../../../merger/recipe/recipe.ts';
import { RegmeanError } from '../../../shared/errors.ts';

const minimal = `name: reviews
base: base
task: text-classification
labels: [negative, positive]
agents: [north, south]
`;

/** The lines of the complaint about a recipe. */
function complaintsAbout(text: string): string[] {
  try {
    parseRecipe(text, 'round.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(RegmeanError);
    expect(error).toMatchObject({ code: 'usage' });
    return (error as RegmeanError).message.split('\n');
  }
  return [];
}

describe('a recipe', () => {
  it('needs only a name, a base, a task, labels and agents', () => {
    const recipe = parseRecipe(minimal, 'round.yaml');
    expect(recipe).toMatchObject({
      headSeed: 0,
      training: { freeze: [] },
      statistics: { grams: 'dense' },
      merge: { method: 'regmean', gramScale: 'mean', include: [], exclude: [], average: [] },
    });
    expect(quorumOf(recipe)).toBe(2);
    expect(deadlineOf(recipe)).toBeUndefined();
  });

  it("names the columns of the agents' data, those that the task has", () => {
    const recipe = parseRecipe(`${minimal}data: { textColumn: review, labelColumn: stars }\n`, 'round.yaml');
    expect(recipe.data).toEqual({ textColumn: 'review', labelColumn: 'stars' });
    expect(complaintsAbout(`${minimal}data: { tagsColumn: tags }\n`)).toEqual([
      'round.yaml:6: data.tagsColumn: must be absent for text-classification',
    ]);
  });

  it('says how much of Grams leaves the agents; true and false stand for all and nothing', () => {
    const statisticsOf = (yaml: string) =>
      parseRecipe(`${minimal}merge: { method: simple }\nstatistics: ${yaml}\n`, 'round.yaml').statistics;
    expect(statisticsOf('{ grams: factored, rank: 8, tokenGrams: dense }')).toMatchObject({
      ...{ grams: 'factored', rank: 8, tokenGrams: 'dense' },
    });
    expect(statisticsOf('{ grams: true }').grams).toBe('dense');
    expect(statisticsOf('{ grams: false }').grams).toBe('none');
  });

  it('reads back what was written out', () => {
    const recipe = parseRecipe(
      `${minimal}quorum: 1\ndeadline: 2030-01-02T03:04:05+02:00\nmerge: { coefficients: { north: 2, south: 1 } }\n`,
      'round.yaml',
    );
    expect(parseRecipe(formatRecipe(recipe), 'again')).toEqual(recipe);
    expect(deadlineOf(recipe)).toBe(Date.UTC(2030, 0, 2, 1, 4, 5));
  });

  it('has no keys but the known ones, and says where the unknown one stands', () => {
    expect(complaintsAbout(`${minimal}training:\n  epoch: 3\n`)).toEqual([
      'round.yaml:7: training.epoch: there is no such key',
    ]);
  });

  it('names the line, the path and what was expected', () => {
    expect(complaintsAbout(`${minimal}training:\n  epochs: many\n  batchSize: 0\n`)).toEqual([
      'round.yaml:7: training.epochs: must be a number, got "many"',
      'round.yaml:8: training.batchSize: must be at least 1, got 0',
    ]);
  });

  it('says what is missing', () => {
    expect(complaintsAbout('name: reviews\n')).toContain('round.yaml:1: base: must be given');
  });

  it('is refused with an alias of what has no name', () => {
    expect(complaintsAbout(minimal.replace('base: base', 'base: *there'))).toEqual([
      'round.yaml: Unresolved alias (the anchor must be set before the alias): there',
    ]);
  });

  it('is refused with the line of a mistake in the YAML itself', () => {
    expect(complaintsAbout('name: [reviews\nbase: b\n')[0]).toMatch(/^round\.yaml:\d+: /);
  });

  const mistakes: [string, string, RegExp][] = [
    ['an agent whose name is a path', 'agents: [north, ../south]', /agents\[1\]: must be letters, digits/],
    ['agents that differ only in case', 'agents: [north, North]', /agents: must differ in more than case/],
    ['a quorum beyond the agents', 'quorum: 3', /quorum: must be at most 2, the number of agents, got 3/],
    ['a deadline without a time zone', 'deadline: 2030-01-02T03:04:05', /deadline: .*datetime/],
    [
      'Fisher averaging without Fisher information',
      'merge: { method: fisher }',
      /statistics\.fisher: must have a variant, the fisher method needs Fisher information/,
    ],
    [
      'normalisation layers that are solved for without sums of them',
      'merge: { vectors: norms }',
      /statistics\.norms: must be true, the regmean method needs sums of normalisation layers/,
    ],
    [
      'outputs known by gradients that agents do not send',
      'merge: { sides: both, outputs: gradients }',
      /statistics\.outputGrams: must have a variant, the regmean method needs output Grams/,
    ],
    ['an alpha beyond one', 'merge: { alpha: 1.5 }', /merge\.alpha: must be at most 1, got/],
    [
      'a pattern that is none',
      "merge: { exclude: ['('] }",
      /merge\.exclude\[0\]: must be a regular expression/,
    ],
    [
      'a coefficient of a stranger',
      'merge: { coefficients: { north: 1, south: 1, west: 1 } }',
      /merge\.coefficients\.west: /,
    ],
    [
      'a missing coefficient',
      'merge: { coefficients: { north: 1 } }',
      /coefficients: .* every agent, south has none/,
    ],
    [
      'a second merge that reads no Grams',
      'merge: { method: regmean, covariance: weights, rounds: 2 }',
      /merge\.rounds: must be 1, the regmean method as it is chosen reads no Grams/,
    ],
    [
      'a fitted head beside heads of agents’ own',
      'merge: { method: simple, heads: separate, ridgeHead: 1 }',
      /merge\.ridgeHead: must be absent with separate heads/,
    ],
    [
      'a second merge of a method yet to be chosen',
      'merge: { method: auto, rounds: 2 }',
      /merge\.rounds: must be 1 with the method auto/,
    ],
    [
      'the regmean method without Grams',
      'statistics: { grams: none }',
      /statistics\.grams: must not be none, the regmean method needs Grams/,
    ],
    [
      'a rank of Grams that have none',
      'statistics: { grams: diagonal, rank: 8 }',
      /statistics\.rank: must be absent without factored Grams/,
    ],
    [
      'a form of Grams that is none',
      'statistics: { grams: sparse }',
      /statistics\.grams: must be one of dense, factored, diagonal, none, got "sparse"/,
    ],
    ['one label', 'labels: [positive]', /labels: must be at least 2/],
    ['the same label twice', 'labels: [a, b, a]', /labels: must differ, got a twice/],
    ['labels for regression', 'task: regression', /labels: must be absent for regression/],
    ['pretraining as a task', 'task: masked-lm', /task: must be one of/],
  ];
  for (const [name, line, message] of mistakes) {
    it(`is refused with ${name}`, () => {
      const key = line.split(':')[0];
      const kept = minimal.split('\n').filter((existing) => !existing.startsWith(`${key}:`));
      expect(complaintsAbout([...kept, line].join('\n')).join('\n')).toMatch(message);
    });
  }
});
