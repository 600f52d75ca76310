import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readRecipe } from '../../../merger/recipe/read-recipe.ts';
import type { RoundWork } from '../../../merger/round/heavy-work.ts';
import { refinementPaths } from '../../../merger/round/refinement-store.ts';
import { type RoundController, startRound } from '../../../merger/round/round-controller.ts';
import type { RoundEvent } from '../../../merger/round/round-events.ts';
import { roundPaths } from '../../../merger/round/round-paths.ts';
import { openRound } from '../../../merger/round/round-store.ts';
import { readScores } from '../../../merger/round/scoring-store.ts';
import type { UploadTurn } from '../../../merger/round/upload-turns.ts';
import { RegmeanError } from '../../../shared/errors.ts';
import { sha256OfFile } from '../../../shared/files/checksum.ts';
import { baseFingerprint } from '../../../shared/formats/base-fingerprint.ts';
import { listFolderFiles } from '../../../shared/wire/folder-files.ts';
import { writeBase, writeRecipe, writeTinyContribution } from '../../support/tiny-round.ts';

let dir: string;
const open: RoundController[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'regmean-round-'));
  await writeBase(join(dir, 'base'));
  await writeRecipe(join(dir, 'round.yaml'), 'base', ['north', 'south']);
});
afterEach(async () => {
  for (const controller of open.splice(0)) await controller.close();
  await rm(dir, { recursive: true });
});

const paths = () => roundPaths(join(dir, 'store'), 'reviews');

const set = 'a'.repeat(64);
const candidates = {
  ...{ format: 'regmean-candidates/1', tool: 'regmean/test', digest: set, metric: 'accuracy' },
  contributions: [],
  candidates: ['simple', 'ties'].map((name) => ({ name, title: name, method: name, options: {}, scale: 1 })),
  leftOut: [],
};

/** Work that accepts everything and merges by making the folder. */
const quickWork: RoundWork = {
  async validate() {},
  merge: async () => {
    await mkdir(paths().merged);
  },
  makeCandidates: async () => {
    await mkdir(paths().candidates);
    await writeFile(join(paths().candidates, 'candidates.json'), JSON.stringify(candidates));
  },
  mergeFor: async (wanted) => {
    await mkdir(refinementPaths(paths(), wanted).model, { recursive: true });
  },
};

/** Starts the round as a merger's process would, with the files that are there. */
async function startController(work: Partial<RoundWork> = {}): Promise<RoundController> {
  const recipe = await readRecipe(join(dir, 'round.yaml'));
  const round = await openRound(join(dir, 'store'), recipe, baseFingerprint);
  const controller = await startRound(round, { ...quickWork, ...work }, () => Number.POSITIVE_INFINITY);
  open.push(controller);
  return controller;
}

async function manifestOf(agent: string, more: { seed?: number; replace?: boolean } = {}) {
  const folder = join(dir, `${agent}-${more.seed ?? 1}`);
  if (!(await readdir(dir)).includes(`${agent}-${more.seed ?? 1}`)) {
    await writeTinyContribution(folder, { agent, base: join(dir, 'base'), seed: more.seed ?? 1 });
  }
  const contributionJson = await readFile(join(folder, 'contribution.json'), 'utf8');
  return {
    folder,
    agent,
    files: await listFolderFiles(folder),
    contributionJson,
    replace: more.replace ?? false,
  };
}

type Manifest = Awaited<ReturnType<typeof manifestOf>>;

async function beginTurn(controller: RoundController, manifest: Manifest): Promise<UploadTurn> {
  const turn = await controller.begin(manifest);
  if (turn.alreadyStored) throw new Error('expected a turn, the contribution is stored already');
  return turn;
}

async function sendAll(turn: UploadTurn, folder: string): Promise<void> {
  for (const { name, size } of turn.upload.manifest.files) {
    const data = await readFile(join(folder, name));
    const offset = turn.upload.offsets().find(({ file }) => file === name)?.offset ?? 0;
    const rest = data.subarray(offset);
    if (offset < size) await turn.upload.write({ file: name, offset, data: rest, crc32: crc32(rest) });
  }
}

async function contribute(controller: RoundController, manifest: Manifest): Promise<string> {
  const turn = await beginTurn(controller, manifest);
  await sendAll(turn, manifest.folder);
  try {
    return await turn.commit();
  } finally {
    await turn.end();
  }
}

describe('a round that is served', () => {
  it('merges when the last agent has contributed, and tells its listeners in order', async () => {
    const controller = await startController();
    const events: RoundEvent[] = [];
    controller.subscribe((event) => events.push(event));
    await contribute(controller, await manifestOf('north'));
    await contribute(controller, await manifestOf('south'));
    expect(await controller.finished()).toEqual({ state: 'merged', failure: undefined });
    const told = events.map((event) => (event.kind === 'state' ? event.standing.state : event.kind));
    const upload = ['upload', 'checking', 'accepted'];
    expect(told).toEqual([...upload, ...upload, 'merging', 'merged']);
  });

  it('keeps the reason of a failed merge over a restart, until its recipe changes', async () => {
    const failing = {
      merge: async () => {
        throw new RegmeanError('numerical', 'query: not positive definite at pivot 3');
      },
    };
    const controller = await startController(failing);
    await contribute(controller, await manifestOf('north'));
    await contribute(controller, await manifestOf('south'));
    const failed = { state: 'failed', failure: 'query: not positive definite at pivot 3' };
    expect(await controller.finished()).toEqual(failed);
    expect((await startController()).standing()).toEqual(failed);

    await writeRecipe(join(dir, 'round.yaml'), 'base', ['north', 'south'], ['quorum: 1']);
    expect((await (await startController()).finished()).state).toBe('merged');
  });

  it('leaves nothing of a refused contribution', async () => {
    const validate = async (): Promise<void> => {
      throw new RegmeanError('refused', 'tensor a must be finite');
    };
    const controller = await startController({ validate });
    await expect(contribute(controller, await manifestOf('north'))).rejects.toThrow(
      'tensor a must be finite',
    );
    expect(await readdir(paths().incoming)).toEqual([]);
    expect(await controller.agents()).toMatchObject([{ state: 'awaited' }, { state: 'awaited' }]);
  });

  it('keeps an upload whose check could not be done', async () => {
    const validate = async (): Promise<void> => {
      throw new Error('the worker ended');
    };
    const controller = await startController({ validate });
    const manifest = await manifestOf('north');
    await expect(contribute(controller, manifest)).rejects.toThrow('the worker ended');
    const turn = await beginTurn(await startController(), manifest);
    expect(turn.upload.offsets()).toEqual(
      manifest.files.map(({ name, size }) => ({ file: name, offset: size })),
    );
    await turn.end();
  });

  it('gives the turn to a newer connection of the same agent', async () => {
    const controller = await startController();
    const manifest = await manifestOf('north');
    const older = await beginTurn(controller, manifest);
    older.signal.addEventListener('abort', () => void older.end());
    const newer = await beginTurn(controller, manifest);
    expect(older.signal.reason).toMatchObject({
      message: 'north: a newer connection of this agent took over',
    });
    await sendAll(newer, manifest.folder);
    await newer.commit();
    await newer.end();
    expect((await controller.begin(manifest)).alreadyStored).toBe(true);
  });

  it('gives the next turn also when an upload could not be opened', async () => {
    const controller = await startController();
    const manifest = await manifestOf('north');
    const { incoming } = paths();
    await rm(incoming, { recursive: true });
    await writeFile(incoming, 'a file where the folder of uploads belongs');
    await expect(controller.begin(manifest)).rejects.toThrow('ENOTDIR');
    await rm(incoming);
    const turn = await beginTurn(controller, manifest);
    await turn.end();
  });

  it('takes nothing while it merges', async () => {
    let finish = (): void => {};
    const merge = (): Promise<void> =>
      new Promise((resolve) => {
        finish = () => void mkdir(paths().merged).then(() => resolve());
      });
    const controller = await startController({ merge });
    await contribute(controller, await manifestOf('north'));
    await contribute(controller, await manifestOf('south'));
    const other = await manifestOf('south', { seed: 2, replace: true });
    await expect(controller.begin(other)).rejects.toThrow('south: the round reviews is merging, not open');
    finish();
    expect((await controller.finished()).state).toBe('merged');
  });
});

describe('a round with a deadline', () => {
  it('closes while it is served, when the deadline comes', async () => {
    const deadline = new Date(Date.now() + 1_000).toISOString();
    await writeRecipe(join(dir, 'round.yaml'), 'base', ['north', 'south'], [`deadline: ${deadline}`]);
    const controller = await startController();
    expect((await controller.finished()).state).toBe('failed');
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(deadline));
  });
});

describe('a merger that was killed', () => {
  it('between the two renames of a replacement comes back with the former contribution', async () => {
    const controller = await startController();
    const manifest = await manifestOf('north');
    await contribute(controller, manifest);
    await controller.close();
    await rename(join(paths().contributions, 'north'), join(paths().replaced, 'north'));

    const again = await startController();
    expect(await readdir(paths().replaced)).toEqual([]);
    expect((await again.begin(manifest)).alreadyStored).toBe(true);
  });

  it('after both renames of a replacement comes back with the new contribution', async () => {
    const controller = await startController();
    const former = await manifestOf('north');
    await contribute(controller, former);
    await controller.close();
    await cp(join(paths().contributions, 'north'), join(paths().replaced, 'north'), { recursive: true });

    const again = await startController();
    expect(await readdir(paths().replaced)).toEqual([]);
    expect((await again.begin(former)).alreadyStored).toBe(true);
  });

  it('between the last contribution and the merge merges when it comes back', async () => {
    const controller = await startController({ merge: () => new Promise(() => {}) });
    await contribute(controller, await manifestOf('north'));
    await contribute(controller, await manifestOf('south'));
    expect(controller.standing().state).toBe('merging');
    expect((await (await startController()).finished()).state).toBe('merged');
  });

  it('with every byte of an upload received asks for none of them again', async () => {
    const controller = await startController();
    const manifest = await manifestOf('north');
    const turn = await beginTurn(controller, manifest);
    await sendAll(turn, manifest.folder);
    await turn.end();

    const again = await beginTurn(await startController(), manifest);
    const missing = again.upload.offsets().filter(({ offset }, i) => offset < (manifest.files[i]?.size ?? 0));
    expect(missing).toEqual([]);
    await again.commit();
    await again.end();
  });
});

describe('a round whose merge is chosen by scores', () => {
  beforeEach(async () => {
    const recipe = await readFile(join(dir, 'round.yaml'), 'utf8');
    await writeFile(join(dir, 'round.yaml'), recipe.replace(/^merge:.*$/m, 'merge: { method: auto }'));
  });

  /** The scores of both candidates. */
  const scores = (simple: number, ties: number) => ({
    set,
    scores: Object.entries({ simple, ties }).map(([candidate, value]) => ({
      ...{ candidate, metric: 'accuracy', value, examples: 10 },
    })),
  });

  /** A round that awaits scores. */
  async function startScoring(work: Partial<RoundWork> = {}): Promise<RoundController> {
    const controller = await startController(work);
    await contribute(controller, await manifestOf('north'));
    await contribute(controller, await manifestOf('south'));
    await vi.waitFor(() => expect(controller.standing().state).toBe('scoring'));
    return controller;
  }

  it('makes candidates, awaits the scores of every agent, merges, and keeps no candidates', async () => {
    const controller = await startController();
    const events: RoundEvent[] = [];
    controller.subscribe((event) => events.push(event));
    await contribute(controller, await manifestOf('north'));
    await contribute(controller, await manifestOf('south'));
    await vi.waitFor(() => expect(controller.standing().state).toBe('scoring'));
    await controller.score('south', scores(0.5, 0.6));
    expect(controller.standing().state).toBe('scoring');
    await controller.score('north', null);
    await controller.finished();
    const told = events.map((event) => (event.kind === 'state' ? event.standing.state : event.kind));
    expect(told.slice(6)).toEqual(['merging', 'scoring', 'scored', 'scored', 'merging', 'merged']);
    await vi.waitFor(async () => expect(await readdir(paths().dir)).not.toContain('candidates'));
    expect(await readScores(paths())).toEqual(
      new Map([
        ['north', null],
        ['south', scores(0.5, 0.6)],
      ]),
    );
  });

  it('takes the latest scores of an agent, and tells who has scored', async () => {
    const controller = await startScoring();
    await controller.score('north', scores(0.5, 0.6));
    await controller.score('north', scores(0.7, 0.6));
    expect((await readScores(paths())).get('north')).toEqual(scores(0.7, 0.6));
    const agents = await controller.agents();
    expect(agents.map(({ name, hasScored }) => [name, hasScored])).toEqual([
      ['north', true],
      ['south', false],
    ]);
  });

  it('refuses scores of a stranger, of other candidates, and outside of its time', async () => {
    const open = await startController();
    await expect(open.score('north', scores(1, 1))).rejects.toThrow(
      'north: the round reviews is open, it takes no scores',
    );
    await open.close();
    const controller = await startScoring();
    await expect(controller.score('west', scores(1, 1))).rejects.toThrow(
      'west: must be an agent that has contributed (north, south)',
    );
    const others = { ...scores(1, 1), set: 'b'.repeat(64) };
    await expect(controller.score('north', others)).rejects.toThrow(
      'north: scores must be of these candidates',
    );
    expect(await readScores(paths())).toEqual(new Map());
  });

  it('awaits scores again after a restart, without making the candidates anew', async () => {
    const first = await startScoring();
    await first.score('north', scores(0.5, 0.6));
    await first.close();
    const makeCandidates = vi.fn();
    const second = await startController({ makeCandidates });
    expect(second.standing().state).toBe('scoring');
    await second.score('south', scores(0.5, 0.6));
    expect((await second.finished()).state).toBe('merged');
    expect(makeCandidates).not.toHaveBeenCalled();
  });

  it('merges with the scores that are there when the time is up', async () => {
    const recipe = await readFile(join(dir, 'round.yaml'), 'utf8');
    await writeFile(join(dir, 'round.yaml'), `${recipe}scoring: { minutes: 0.005 }\n`);
    const controller = await startController();
    await contribute(controller, await manifestOf('north'));
    await contribute(controller, await manifestOf('south'));
    expect((await controller.finished()).state).toBe('merged');
  });

  it('forgets candidates and scores when its recipe changes', async () => {
    const controller = await startScoring();
    await controller.score('north', scores(0.5, 0.6));
    await controller.close();
    const recipe = await readFile(join(dir, 'round.yaml'), 'utf8');
    await writeFile(join(dir, 'round.yaml'), recipe.replace('method: auto', 'method: auto, choose: worst'));
    const makeCandidates = vi.fn(quickWork.makeCandidates);
    const again = await startController({ makeCandidates });
    await vi.waitFor(() => expect(again.standing().state).toBe('scoring'));
    expect(makeCandidates).toHaveBeenCalledOnce();
    expect(await readScores(paths())).toEqual(new Map());
  });
});

describe('a round of two merges', () => {
  beforeEach(async () => {
    const recipe = await readFile(join(dir, 'round.yaml'), 'utf8');
    const merge = 'merge: { method: regmean, rounds: 2 }';
    await writeFile(join(dir, 'round.yaml'), recipe.replace(/^merge:.*$/m, merge));
  });

  /** What an agent sends when it is asked again: its contribution with other Grams. */
  async function refinedOf(agent: string, change = 'grams.safetensors'): Promise<Manifest> {
    const { folder } = await manifestOf(agent);
    const again = `${folder}-again`;
    await rm(again, { recursive: true, force: true });
    await cp(folder, again, { recursive: true });
    const bytes = Buffer.concat([await readFile(join(again, change)), Buffer.from(' ')]);
    await writeFile(join(again, change), bytes);
    const text = await readFile(join(again, 'contribution.json'), 'utf8');
    const declared = JSON.parse(text);
    declared.files[change] = { bytes: bytes.length, sha256: await sha256OfFile(join(again, change)) };
    const contributionJson = JSON.stringify(declared);
    await writeFile(join(again, 'contribution.json'), contributionJson);
    return { folder: again, agent, files: await listFolderFiles(again), contributionJson, replace: true };
  }

  /** A round that awaits Grams. */
  async function startRefining(work: Partial<RoundWork> = {}): Promise<RoundController> {
    const controller = await startController(work);
    await contribute(controller, await manifestOf('north'));
    await contribute(controller, await manifestOf('south'));
    await vi.waitFor(() => expect(controller.standing().state).toBe('refining'));
    return controller;
  }

  it('merges, asks every agent again, merges again, and keeps no interim model', async () => {
    const validate = vi.fn(quickWork.validate);
    const controller = await startController({ validate });
    const events: RoundEvent[] = [];
    controller.subscribe((event) => events.push(event));
    await contribute(controller, await manifestOf('north'));
    await contribute(controller, await manifestOf('south'));
    await vi.waitFor(() => expect(controller.standing().state).toBe('refining'));
    await contribute(controller, await refinedOf('south'));
    expect(controller.standing()).toMatchObject({ state: 'refining', wanted: 'grams' });
    expect((await controller.agents()).map(({ hasRefined }) => hasRefined)).toEqual([false, true]);
    await contribute(controller, await refinedOf('north'));
    await controller.finished();
    const told = events.map((event) => (event.kind === 'state' ? event.standing.state : event.kind));
    const upload = ['upload', 'checking', 'refined'];
    expect(told.slice(6)).toEqual(['merging', 'refining', ...upload, ...upload, 'merging', 'merged']);
    expect(validate.mock.calls.map(([, agent, wanted]) => [agent, wanted])).toEqual([
      ...[
        ['north', undefined],
        ['south', undefined],
      ],
      ...[
        ['south', 'grams'],
        ['north', 'grams'],
      ],
    ]);
    const { model, contributions } = refinementPaths(paths(), 'grams');
    await vi.waitFor(() => expect(readdir(model)).rejects.toThrow('ENOENT'));
    expect(await readdir(contributions)).toEqual(['north', 'south']);
  });

  it('has the weights already, and changes none of what was sent first', async () => {
    const controller = await startRefining();
    const manifest = await refinedOf('north');
    const turn = await beginTurn(controller, manifest);
    const missing = turn.upload
      .offsets()
      .filter(({ offset }, at) => offset < (manifest.files[at]?.size ?? 0))
      .map(({ file }) => file);
    expect(missing).toEqual(['contribution.json', 'grams.safetensors']);
    await sendAll(turn, manifest.folder);
    await turn.commit();
    await turn.end();
    const { contributions } = refinementPaths(paths(), 'grams');
    const read = async (folder: string) =>
      Promise.all((await readdir(folder)).sort().map((name) => readFile(join(folder, name))));
    expect(await read(join(contributions, 'north'))).toEqual(await read(manifest.folder));
    const { folder } = await manifestOf('north');
    expect(await read(join(paths().contributions, 'north'))).toEqual(await read(folder));
  });

  it('answers what it has, and refuses strangers, other weights and another answer', async () => {
    const controller = await startRefining();
    expect((await controller.begin(await manifestOf('north'))).alreadyStored).toBe(true);
    await expect(controller.begin(await refinedOf('north', 'model.safetensors'))).rejects.toThrow(
      'manifest of north: model.safetensors must be as it was in the contribution',
    );
    const answer = await refinedOf('north');
    await contribute(controller, answer);
    expect((await controller.begin(answer)).alreadyStored).toBe(true);
    expect((await controller.begin(await manifestOf('north'))).alreadyStored).toBe(true);
    await expect(controller.begin(await refinedOf('north', 'config.json'))).rejects.toThrow(
      'north: what it was asked for again is stored already',
    );
  });

  it('awaits answers again after a restart, without merging anew', async () => {
    const first = await startRefining();
    await contribute(first, await refinedOf('north'));
    await first.close();
    const mergeFor = vi.fn();
    const second = await startController({ mergeFor });
    expect(second.standing().state).toBe('refining');
    await contribute(second, await refinedOf('south'));
    expect((await second.finished()).state).toBe('merged');
    expect(mergeFor).not.toHaveBeenCalled();
  });

  it('merges with the answers that are there when the time is up', async () => {
    const recipe = await readFile(join(dir, 'round.yaml'), 'utf8');
    await writeFile(join(dir, 'round.yaml'), `${recipe}refining: { minutes: 0.005 }\n`);
    const controller = await startController();
    await contribute(controller, await manifestOf('north'));
    await contribute(controller, await manifestOf('south'));
    expect((await controller.finished()).state).toBe('merged');
  });

  it('forgets the interim model and all answers when its recipe changes', async () => {
    const controller = await startRefining();
    await contribute(controller, await refinedOf('north'));
    await controller.close();
    const recipe = await readFile(join(dir, 'round.yaml'), 'utf8');
    await writeFile(join(dir, 'round.yaml'), recipe.replace('rounds: 2', 'rounds: 2, alpha: 0.5'));
    const mergeFor = vi.fn(quickWork.mergeFor);
    const again = await startController({ mergeFor });
    await vi.waitFor(() => expect(again.standing().state).toBe('refining'));
    expect(mergeFor).toHaveBeenCalledOnce();
    expect((await again.agents()).map(({ hasRefined }) => hasRefined)).toEqual([false, false]);
  });
});
