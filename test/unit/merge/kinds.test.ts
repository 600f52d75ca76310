import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { quietContext } from '../../support/run-context.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-kinds-'));
  const tensors = [{ name: 'w', shape: [1], data: Float32Array.of(1) }];
  for (const modelType of ['tensorflow-js', 'onnx', 'bert']) {
    await writeContributionFolder(join(folder, modelType), { tensors, config: { model_type: modelType } });
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it.each([
  ['tensorflow-js', 'bert', 'tensorflow-js has a TensorFlow.js model, bert has a Hugging Face model'],
  ['onnx', 'tensorflow-js', 'onnx has an ONNX network, tensorflow-js has a TensorFlow.js model'],
  ['bert', 'onnx', 'bert has a Hugging Face model, onnx has an ONNX network'],
])('a merge of kinds %s and %s says that they differ', async (first, second, message) => {
  const folders = [join(folder, first), join(folder, second)];
  const merged = mergeContributions(folders, { method: 'simple', out: join(folder, 'fused') }, quietContext);
  await expect(merged).rejects.toThrow(`kinds of models: must be the same, ${message}`);
});
