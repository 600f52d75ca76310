import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { openSafetensors } from '../../shared/safetensors/open-safetensors.ts';

const expectedSchema = z.object({
  losses: z.array(z.number()),
  optimizer: z.object({
    learningRate: z.number(),
    betas: z.tuple([z.number(), z.number()]),
    epsilon: z.number(),
    weightDecay: z.number(),
    maxGradientNorm: z.number(),
  }),
  steps: z.array(z.object({ loss: z.number(), gradientNorm: z.number() })),
  rows: z.record(z.string(), z.number()),
  noiseTensors: z.array(z.string()),
});

const rows = z.array(z.array(z.number()));
const inputsSchema = z.object({
  batches: z.array(
    z.object({
      input_ids: rows,
      attention_mask: rows,
      token_type_ids: rows.optional(),
      decoder_input_ids: rows.optional(),
      labels: z.union([z.array(z.number()), rows]),
    }),
  ),
});

/** One batch of a fixture, as nested arrays. */
export type FixtureBatch = z.infer<typeof inputsSchema>['batches'][number];

/** A tensor that PyTorch computed, kept in float64. */
export interface ExpectedTensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/**
 * A case of test/fixtures/torch: a model folder, batches, and what PyTorch computes from them (see
 * the README there).
 */
export interface TorchFixture extends z.infer<typeof expectedSchema> {
  readonly folder: string;
  readonly batches: readonly FixtureBatch[];
  /**
   * Tensors of expected.safetensors: `logits.0`, `grad.<parameter>`, `step1.<parameter>`,
   * `gram.<module>`.
   */
  readonly expected: ReadonlyMap<string, ExpectedTensor>;
}

/** The folder of a case. */
export function torchFixtureFolder(name: string): string {
  return fileURLToPath(new URL(`../fixtures/torch/${name}`, import.meta.url));
}

/** Reads a case by its folder's name. */
export async function readTorchFixture(name: string): Promise<TorchFixture> {
  const folder = torchFixtureFolder(name);
  const json = async (file: string): Promise<unknown> =>
    JSON.parse(await readFile(`${folder}/${file}`, 'utf8'));
  const { batches } = inputsSchema.parse(await json('inputs.json'));
  const expected = await readExpectedTensors(`${folder}/expected.safetensors`);
  return { folder, batches, expected, ...expectedSchema.parse(await json('expected.json')) };
}

/** Every tensor of a safetensors file in float64. */
export async function readExpectedTensors(path: string): Promise<ReadonlyMap<string, ExpectedTensor>> {
  const file = await openSafetensors(path);
  const tensors = new Map<string, ExpectedTensor>();
  for (const [name, { shape }] of file.tensors)
    tensors.set(name, { shape, data: await file.readFloat64(name) });
  await file.close();
  return tensors;
}

/** The tensors whose names start with a prefix, by the rest of their names. */
export function withPrefix<T>(tensors: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
  const matching = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(matching.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}
