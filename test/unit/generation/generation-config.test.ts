import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EncodedExample } from '../../../shared/examples/example.ts';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { createGenerator } from '../../../shared/generation/generator.ts';
import { generationTokensOf } from '../../../shared/models/generation-config.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { copyModel } from '../../support/copy-model.ts';
import { oneThread, quietContext } from '../../support/run-context.ts';
import { torchFixtureFolder } from '../../support/torch-fixture.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-generation-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const write = (config: object): Promise<void> =>
  writeFile(join(folder, 'generation_config.json'), JSON.stringify(config));

const example: EncodedExample = {
  inputIds: Int32Array.of(5, 9, 3, 7),
  tokenTypeIds: new Int32Array(4),
  attentionMask: new Int32Array(4).fill(1),
  labels: null,
  wordPositions: null,
  source: { file: 'rows.jsonl', row: 1 },
};

async function generate(task: TaskKind): Promise<number[]> {
  const { model } = await loadModel(folder, { task });
  const generator = await createGenerator(model, model.weights, oneThread);
  const options = { beams: 1, maxNewTokens: 6, batchSize: 1 };
  const [text] = await generator.generate([example], options, quietContext);
  await generator.dispose();
  return [...(text ?? [])];
}

describe('generation_config.json', () => {
  it.each([
    ['gpt2-causal-lm', 'causal-lm'],
    ['mistral-causal-lm', 'causal-lm'],
    ['t5-text2text', 'text2text'],
  ] as const)('says which tokens end a text of %s', async (fixture, task) => {
    await copyModel(torchFixtureFolder(fixture), folder, (tensors) => tensors);
    await write({ eos_token_id: null, decoder_start_token_id: 0 });
    const free = await generate(task);
    expect(free).toHaveLength(6);
    const end = free[3] as number;
    await write({ eos_token_id: [1000, end], decoder_start_token_id: 0 });
    expect(await generate(task)).toEqual(free.slice(0, free.indexOf(end)));
    await write({ eos_token_id: end, decoder_start_token_id: 0 });
    expect(await generate(task)).toEqual(free.slice(0, free.indexOf(end)));
  });

  it('says what the text of a decoder begins from', async () => {
    await copyModel(torchFixtureFolder('t5-text2text'), folder, (tensors) => tensors);
    const from = async (config: object): Promise<number[]> => {
      await write(config);
      return generate('text2text');
    };
    const texts = [await from({ decoder_start_token_id: 0 }), await from({ decoder_start_token_id: 7 })];
    expect(texts[0]).not.toEqual(texts[1]);
    expect(await from({ bos_token_id: 7 })).toEqual(texts[1]);
    expect(await from({})).toEqual(texts[0]);
  });

  it('is of no meaning for other tasks than those of language', async () => {
    await copyModel(torchFixtureFolder('gpt2-text-classification'), folder, (tensors) => tensors);
    await write({ eos_token_id: 3 });
    const { model } = await loadModel(folder, { task: 'text-classification' });
    expect(model.config.inputs.generation).toBeUndefined();
  });

  it('is read for what is not applied too', async () => {
    await write({ do_sample: true, num_beams: 1, repetition_penalty: 1.2, length_penalty: 1.0, top_k: 50 });
    expect(await generationTokensOf(folder)).toEqual({
      endTokenIds: [],
      notApplied: ['do_sample', 'repetition_penalty'],
    });
  });

  it('is refused by its name where it says nothing that can be meant', async () => {
    const path = join(folder, 'generation_config.json');
    await write({ eos_token_id: 'end' });
    await expect(generationTokensOf(folder)).rejects.toThrow(`${path}: eos_token_id: `);
    await writeFile(path, '{');
    await expect(generationTokensOf(folder)).rejects.toThrow(`${path}: must be JSON`);
  });

  it('need not be there', async () => {
    expect(await generationTokensOf(folder)).toBeNull();
  });
});
