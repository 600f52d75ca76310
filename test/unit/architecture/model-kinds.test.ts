import { expect, it } from 'vitest';
import { folderOf, sourceFiles } from '../../support/source-files.ts';

/** The one place that asks what kind of model a path holds, and the kinds' own folders. */
const homes: readonly string[] = ['shared/formats', 'shared/onnx', 'shared/tensorflow'];

/** Ways to ask for a model's kind. */
const tests =
  /isLayersModel|onnxFileOf|hasGraph|model_type\s*===|[mM]odelType\s*[!=]==\s*'|layersModelType|onnxModelType|endsWith\('\.onnx'\)|writeGraph === undefined|\.engine\s*[!=]==|'tensorflow-js'\s*[!=]==/;

it('only shared/formats asks what kind of model a path holds', async () => {
  const asking = (await sourceFiles()).flatMap(({ path, text }) =>
    homes.includes(folderOf(path))
      ? []
      : text
          .split('\n')
          .filter((line) => tests.test(line))
          .map((line) => `${path}: ${line.trim()}`),
  );
  expect(asking).toEqual([]);
});

it('only what computes a kind of model looks into its folder', async () => {
  const computing = ['shared/inference', 'agent/tensorflow', 'agent/training', 'agent/statistics'];
  const looking = (await sourceFiles()).filter(
    ({ path, imports }) =>
      ![...homes, ...computing].includes(folderOf(path)) &&
      imports.some((own) => /^shared\/(onnx|tensorflow)\//.test(own)),
  );
  expect(looking.map(({ path }) => path)).toEqual([]);
});
