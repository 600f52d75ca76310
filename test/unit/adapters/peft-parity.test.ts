import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { writeFullModel } from '../../../shared/adapters/write-full-model.ts';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { readConfigJson } from '../../../shared/models/config-json.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import { createSession, type RunTensor } from '../../../shared/runtime/session.ts';
import type { TaskKind } from '../../../shared/task.ts';
import '../../support/allclose.ts';
import { oneThread } from '../../support/run-context.ts';
import { readWeights } from '../../support/tiny-model.ts';
import { torchFixtureFolder } from '../../support/torch-fixture.ts';

const table = z.array(z.array(z.number()));
const expectedSchema = z.object({
  inputIds: table,
  logits: z.record(z.string(), z.union([table, z.array(table)])),
});

const bases: readonly { base: string; task: TaskKind; adapters: readonly string[] }[] = [
  {
    base: 'bert',
    task: 'text-classification',
    adapters: ['patterns', 'dora', 'lora-bias', 'excluded', 'blocks'],
  },
  {
    base: 'gpt2',
    task: 'causal-lm',
    adapters: [
      'dora',
      'parameters',
      'head',
      'embeddings',
      'saved-embeddings',
      'saved-both',
      'tokens',
      'tokens-apart',
      'tokens-under-head',
      'bare',
    ],
  },
  { base: 'llama', task: 'causal-lm', adapters: ['embeddings', 'dora-embeddings', 'resized'] },
  { base: 'llama-tied', task: 'causal-lm', adapters: ['tied', 'tied-ranks', 'apart', 'resized'] },
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-peft-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(bases)('adapters on $base', ({ base, task, adapters }) => {
  const at = (name: string): string => torchFixtureFolder(`adapters/${base}/${name}`);
  const made = async (adapter: string): Promise<string> => {
    const out = join(folder, `${base}-${adapter}`);
    await writeFullModel({ adapter: at(adapter), task, out });
    return out;
  };

  it('has a case for each adapter that PEFT made', async () => {
    expect(Object.keys((await expected()).logits).sort()).toEqual([...adapters].sort());
  });

  it.each(adapters)('%s: the full model computes what PEFT computes', async (adapter) => {
    const { inputIds, logits } = await expected();
    const { model } = await loadModel(await made(adapter), { task });
    const graph = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
    graph.graph.output('logits', graph.logits);
    const session = await createSession(graph.graph, oneThread);
    const shape = [inputIds.length, inputIds[0]?.length ?? 0];
    const integers = (value: (id: number) => number): Int32Array =>
      Int32Array.from(inputIds.flat(), (id) => value(id));
    const feeds = new Map<string, RunTensor>([
      ['input_ids', { shape, data: integers((id) => id) }],
      ['attention_mask', { shape, data: integers(() => 1) }],
      ['token_type_ids', { shape, data: integers(() => 0) }],
    ]);
    const results = await session.run(new Map<string, RunTensor>([...model.weights, ...feeds]));
    await session.dispose();
    const values = (logits[adapter] ?? []).flat(2);
    const actual = results.get('logits')?.data ?? [];
    expect(actual).toHaveLength(values.length);
    expect({ shape: [values.length], data: actual }).toBeAllclose(
      { shape: [values.length], data: Float64Array.from(values) },
      { rtol: 1e-5, name: `logits of ${adapter}` },
    );
  });

  it('writes what the model is: its dtype, its vocabulary, and a head of its own where it is one', async () => {
    for (const adapter of adapters) {
      const out = join(folder, `${base}-${adapter}`);
      const [before, after] = [await readConfigJson(at('.')), await readConfigJson(out)];
      const weights = await readWeights(out);
      const isApart = [
        'head',
        'embeddings',
        'saved-embeddings',
        'saved-both',
        'tokens-apart',
        'tokens-under-head',
        'tied-ranks',
        'apart',
      ];
      const wasTied = base === 'gpt2' || base === 'llama-tied';
      const isTied = wasTied && !isApart.includes(adapter);
      expect(after.dtype).toBe('float32');
      expect(weights.has('lm_head.weight')).toBe(task === 'causal-lm' && !isTied);
      if (wasTied && !isTied) expect(after.tie_word_embeddings).toBe(false);
      else expect(after.tie_word_embeddings).toBe(before.tie_word_embeddings);
      expect(after.vocab_size).toBe(Number(before.vocab_size) + (adapter === 'resized' ? 2 : 0));
    }
  });

  async function expected(): Promise<z.infer<typeof expectedSchema>> {
    return expectedSchema.parse(JSON.parse(await readFile(at('expected.json'), 'utf8')));
  }
});
