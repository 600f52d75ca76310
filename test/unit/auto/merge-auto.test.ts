import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AutoMergeOptions, GivenCandidate } from '../../../merger/auto/auto-options.ts';
import { candidatesOf, defaultCandidates } from '../../../merger/auto/candidates.ts';
import { chooseCandidate } from '../../../merger/auto/choose-candidate.ts';
import { mergeAuto } from '../../../merger/auto/merge-auto.ts';
import { mergeCandidates, writeChosen } from '../../../merger/auto/merge-candidates.ts';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import { type CandidateSet, readCandidateSet } from '../../../shared/candidates/candidate-set.ts';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { type FineTunedModels, writeFineTunedModels } from '../../support/fine-tuned-models.ts';
import { quietContext } from '../../support/run-context.ts';
import { north, south, tensor } from '../../support/two-contributions.ts';

let root: string;
let tuned: FineTunedModels;
let shared: string;
let set: CandidateSet;
const auto = (more: Partial<AutoMergeOptions> = {}): AutoMergeOptions => ({
  ...{ method: 'auto', base: tuned.baseFolder },
  ...more,
});
const bytesOf = (...path: string[]): Promise<Buffer> => readFile(join(...path, 'model.safetensors'));

/** Two contributions with Grams that do not fit their weights. */
async function writeMisfits(name: string): Promise<readonly string[]> {
  const grams = [tensor('dense', [1, 1], 1)];
  return [
    await writeContributionFolder(join(root, name, 'north'), { ...north(), grams }),
    await writeContributionFolder(join(root, name, 'south'), { ...south(), grams }),
  ];
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-auto-'));
  tuned = await writeFineTunedModels(root, [0.01, 0.05, 0.02]);
  shared = join(root, 'shared');
  set = await mergeCandidates(tuned.folders, { ...auto(), out: shared }, quietContext);
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('candidates', () => {
  it('are named by what is given, in words too', () => {
    expect(candidatesOf(defaultCandidates, {}).map(({ name, title }) => [name, title])).toEqual([
      ['regmean-covariance-weights', 'RegMean, covariance weights'],
      [
        'regmean-covariance-weights-vectors-squared-change',
        'RegMean, covariance weights, vectors squared-change',
      ],
      [
        'regmean-covariance-weights-vectors-squared-change-scale-1.25',
        'RegMean, covariance weights, vectors squared-change, scale 1.25',
      ],
      ['regmean', 'RegMean'],
      ['regmean-scale-1.5', 'RegMean, scale 1.5'],
      ['ties', 'TIES'],
      ['simple', 'Simple averaging'],
    ]);
  });

  it('have plain names however many options they have', () => {
    const long: GivenCandidate = {
      ...({ method: 'regmean', covariance: 'weights', covarianceEps: 0.25 } as const),
      ...({ covarianceCentring: 'rows', covarianceNormalize: 'trace', vectors: 'squared-change' } as const),
    };
    const names = candidatesOf([long, { ...long, scale: 1.5 }], {}).map(({ name }) => name);
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
  });

  it.each([
    [
      [{ method: 'regmean' }, { method: 'regmean', alpha: 0.9 }],
      'candidates: must differ, regmean and regmean-alpha-0.9 are the same merge',
    ],
    [[{ method: 'simple', alpha: 0.5 }], 'candidates: alpha: needs method regmean, got method simple'],
    [[{ method: 'regmean', alpha: 2 }], 'candidates: alpha: must be at most 1, got 2'],
    [[{ method: 'auto' }], 'candidates: method: must be one of'],
  ])('%j are refused', (given, complaint) => {
    expect(() => candidatesOf(given as never, {})).toThrow(complaint);
  });

  it('are whole models, each the bytes of a plain merge with its options', async () => {
    expect(set.candidates.map(({ name }) => name)).toEqual([
      ...[
        'regmean-covariance-weights',
        'regmean-covariance-weights-vectors-squared-change',
        'regmean-covariance-weights-vectors-squared-change-scale-1.25',
        'ties',
        'simple',
      ],
    ]);
    const out = join(root, 'plain');
    for (const [index, { name }] of candidatesOf(defaultCandidates, {}).entries()) {
      if (!set.candidates.some((own) => own.name === name)) continue;
      const own = { ...(defaultCandidates[index] as GivenCandidate), base: tuned.baseFolder, out };
      await mergeContributions(tuned.folders, own, quietContext);
      expect((await bytesOf(out)).equals(await bytesOf(shared, name)), name).toBe(true);
      expect(await readdir(join(shared, name))).toEqual(await readdir(out));
    }
    expect((await readdir(shared)).length).toBe(set.candidates.length + 1);
    expect(await readCandidateSet(shared)).toEqual(set);
  });

  it('that need what is not there are left out and named', async () => {
    expect(set.leftOut).toEqual([
      expect.objectContaining({ name: 'regmean', reason: expect.stringContaining('regmean needs Grams') }),
      expect.objectContaining({ name: 'regmean-scale-1.5' }),
    ]);
    const withoutBase = join(root, 'without-base');
    const { candidates, leftOut } = await mergeCandidates(
      tuned.folders,
      { method: 'auto', out: withoutBase },
      quietContext,
    );
    expect(candidates.map(({ name }) => name)).toEqual(['simple']);
    expect(leftOut.find(({ name }) => name === 'ties')?.reason).toContain('needs the base model');
  });

  it('of a family that is not known are those that need no layers', async () => {
    const folders = [
      await writeContributionFolder(join(root, 'north'), north()),
      await writeContributionFolder(join(root, 'south'), south()),
    ];
    const own = await mergeCandidates(folders, { method: 'auto', out: join(root, 'unknown') }, quietContext);
    expect(own.candidates.map(({ name }) => name)).toEqual(['regmean', 'simple']);
  });

  it('that differ in their scale alone are those of plain merges too', async () => {
    const folders = [
      await writeContributionFolder(join(root, 'north'), north()),
      await writeContributionFolder(join(root, 'south'), south()),
    ];
    const base = await writeContributionFolder(join(root, 'origin'), {
      tensors: [tensor('dense.weight', [1, 2], 0.1, 0.3), tensor('dense.bias', [1], 7)],
    });
    const candidates = [{ method: 'regmean' }, { method: 'regmean', scale: 1.7 }] as const;
    const scaled = join(root, 'scaled');
    await mergeCandidates(folders, { method: 'auto', base, candidates, out: scaled }, quietContext);
    const out = join(root, 'scaled-plain');
    await mergeContributions(folders, { ...candidates[1], base, out }, quietContext);
    expect((await bytesOf(out)).equals(await bytesOf(scaled, 'regmean-scale-1.7'))).toBe(true);
    expect((await bytesOf(out)).equals(await bytesOf(scaled, 'regmean'))).toBe(false);
  });

  it('none of which can be made are refused', async () => {
    const options = { method: 'auto', candidates: [{ method: 'regmean' }], out: join(root, 'none') } as const;
    await expect(mergeCandidates(tuned.folders, options, quietContext)).rejects.toThrow(
      'candidates: none can be made, regmean: agent-0: regmean needs Grams',
    );
  });

  it('that turn out not to be possible are left out, and the others stay', async () => {
    const folders = await writeMisfits('broken');
    const own = await mergeCandidates(folders, { method: 'auto', out: join(root, 'some') }, quietContext);
    expect(own.candidates.map(({ name }) => name)).toEqual(['simple']);
    expect(own.leftOut.at(-1)).toMatchObject({
      name: 'regmean',
      reason: expect.stringContaining('dimension'),
    });
    expect(await readdir(join(root, 'some'))).toEqual(['candidates.json', 'simple']);
  });

  it('take the place of earlier ones, and of nothing else', async () => {
    const out = join(root, 'again');
    await mergeCandidates(tuned.folders, { ...auto(), out }, quietContext);
    const candidates = [{ method: 'simple' }] as const;
    await mergeCandidates(tuned.folders, { ...auto({ candidates }), out }, quietContext);
    expect(await readdir(out)).toEqual(['candidates.json', 'simple']);
    await expect(
      mergeCandidates(tuned.folders, { ...auto(), out: tuned.baseFolder }, quietContext),
    ).rejects.toThrow('must be a new or empty folder or earlier candidates, holds');
  });

  it('are another set when contributions, base or options are others', async () => {
    const digests = new Set([set.digest]);
    const copy = join(root, 'copy');
    await cp(tuned.folders[0] as string, join(copy, 'agent-0'), { recursive: true });
    await writeFile(join(copy, 'agent-0', 'vocab.txt'), 'x');
    const folders = [join(copy, 'agent-0'), ...tuned.folders.slice(1)];
    const one = [{ method: 'simple' }] as const;
    for (const [own, options] of [
      [tuned.folders, auto({ candidates: one })],
      [tuned.folders, auto({ candidates: one, coefficients: [0.5, 0.25, 0.25] })],
      [tuned.folders, { method: 'auto', candidates: one }],
      [folders, auto({ candidates: one })],
    ] as const) {
      digests.add((await mergeCandidates(own, { ...options, out: join(root, 'set') }, quietContext)).digest);
    }
    expect(digests.size).toBe(5);
  });
});

describe('the chosen candidate', () => {
  const scoresOf = (agent: string, values: Readonly<Record<string, number>>) => ({
    agent,
    results: new Map(
      Object.entries(values).map(([name, value]) => [name, { metric: 'accuracy', value, examples: 8 }]),
    ),
  });

  it('is a fused model that says what it was chosen from', async () => {
    const values = Object.fromEntries(set.candidates.map(({ name }, index) => [name, 0.2 * index]));
    const choice = chooseCandidate(set, [scoresOf('agent-0', values)], { rule: 'worst' });
    const out = join(root, 'chosen');
    const report = await writeChosen(shared, choice, out);
    expect(report).toMatchObject({
      method: 'simple',
      choice: { chosen: 'simple', by: 'scores', rule: 'worst' },
    });
    expect(JSON.parse(await readFile(join(out, 'merge-report.json'), 'utf8'))).toEqual(report);
    expect((await bytesOf(out)).equals(await bytesOf(shared, 'simple'))).toBe(true);
    const card = await readFile(join(out, 'README.md'), 'utf8');
    expect(card).toContain('## Candidates');
    for (const { title } of [...set.candidates, ...set.leftOut]) expect(card).toContain(title);
    expect(card).toMatch(/\| TIES \| 0\.6000 \|/);
  });

  it('is the first without scores, and the report says so', async () => {
    const out = join(root, 'by-order');
    const report = await mergeAuto(tuned.folders, { ...auto(), out }, {}, quietContext);
    expect(report).toMatchObject({
      ...{ method: 'regmean', options: { covariance: 'weights' } },
      choice: { chosen: 'regmean-covariance-weights', by: 'order', rule: null },
    });
    expect((await bytesOf(out)).equals(await bytesOf(shared, 'regmean-covariance-weights'))).toBe(true);
    expect(await readFile(join(out, 'README.md'), 'utf8')).toContain('nobody scored them');
  });

  it('is the next by order where the first cannot be merged', async () => {
    const folders = await writeMisfits('odd');
    const report = await mergeAuto(folders, { method: 'auto', out: join(root, 'next') }, {}, quietContext);
    expect(report.choice).toMatchObject({
      chosen: 'simple',
      leftOut: [{}, {}, {}, {}, {}, { name: 'regmean' }],
    });
  });
});

describe('files of scores', () => {
  const lines = (own: CandidateSet = set, values: readonly number[] = [0.1, 0.2, 0.3, 0.9, 0.4]) =>
    own.candidates.map(({ name }, index) => ({
      ...{ model: `shared/${name}`, data: 'dev.jsonl', examples: 12, main: 'accuracy' },
      metrics: { accuracy: values[index], macroF1: 0 },
      candidate: { name, set: own.digest },
    }));
  const write = async (name: string, content: unknown): Promise<string> => {
    const path = join(root, name);
    await writeFile(path, JSON.stringify(content));
    return path;
  };
  const choose = (scoreFiles: readonly string[], more: Partial<AutoMergeOptions> = {}) =>
    mergeAuto(tuned.folders, { ...auto(more), out: join(root, 'by-scores') }, { scoreFiles }, quietContext);

  it('are of the agent that they are called after, name, or are given with', async () => {
    const report = await choose([
      await write('agent-0.json', lines()),
      `agent-1=${await write('x.json', lines())}`,
      await write(
        'y.json',
        lines().map((own) => ({ ...own, agent: 'agent-2' })),
      ),
    ]);
    expect(report.choice?.chosen).toBe('ties');
    expect(Object.keys(report.choice?.candidates[0]?.scores ?? {})).toEqual([
      'agent-0',
      'agent-1',
      'agent-2',
    ]);
    expect((await bytesOf(root, 'by-scores')).equals(await bytesOf(shared, 'ties'))).toBe(true);
  });

  it.each([
    ['z.json', () => lines(), 'must be scores of agent-0, agent-1, agent-2, got z'],
    [
      'agent-0.json',
      () => lines().map(({ candidate: _, ...own }) => own),
      'must hold scores of candidates, got none',
    ],
    [
      'agent-0.json',
      () => [...lines(), ...lines()],
      'must hold one score of each candidate, got several of regmean-covariance-weights',
    ],
    [
      'agent-0.json',
      () => lines(set, [0.1, Number.NaN, 0, 0, 0]),
      'agent-0: score of regmean-covariance-weights-vectors-squared-change, value: must be a finite number',
    ],
    [
      'agent-0.json',
      () => lines({ ...set, digest: 'c'.repeat(64) }),
      'agent-0: scores must be of these candidates',
    ],
    [
      'agent-0.json',
      () => [...lines(), ...lines({ ...set, digest: 'c'.repeat(64) })],
      'must be of one set of candidates',
    ],
  ])('%s with what is wrong is refused', async (name, content, complaint) => {
    await expect(choose([await write(name, content())])).rejects.toThrow(complaint);
  });

  it('of one agent twice are refused', async () => {
    const path = await write('agent-0.json', lines());
    await expect(choose([path, `agent-0=${path}`])).rejects.toThrow('agent-0 has several');
  });

  it('of candidates that were merged otherwise are refused', async () => {
    const path = await write('agent-0.json', lines());
    await expect(choose([path], { coefficients: [1, 2, 3] })).rejects.toThrow('got those of others');
  });
});
