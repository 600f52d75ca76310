/**
 * @file Measures what pretraining the base model is worth: the same fine-tuning from the shipped
 *   base and from the same architecture with random weights, on every data set of the demo, all
 *   domains together. `npm run bench:base -- --out DIR`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluateModels } from '../../../agent/inference/evaluate-models.ts';
import { runTraining } from '../../../agent/training/run-training.ts';
import { trainingDefaults } from '../../../agent/training/training-options.ts';
import { type DemoDatasetName, demoDatasets } from '../../../deploy/datasets/datasets.ts';
import { packageFile } from '../../../shared/files/package-file.ts';
import { readConfigJson } from '../../../shared/models/config-json.ts';
import { createModel, saveModel } from '../../../shared/models/model-folder.ts';
import { quietContext } from '../../support/run-context.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'bench-output/base-model' },
    base: { type: 'string', default: packageFile('deploy', 'base-model') },
    epochs: { type: 'string', default: '5' },
    lr: { type: 'string', default: '3e-4' },
    train: { type: 'string', default: '500' },
  },
});
const seed = 1;
const random = join(values.out, 'random-base');
await mkdir(random, { recursive: true });
const config = await readConfigJson(values.base);
await saveModel(random, createModel(config, 'masked-lm', [], seed), { sideFilesFrom: values.base });

process.stdout.write('| data set | metric | random weights | pretrained |\n| --- | --- | ---: | ---: |\n');
for (const name of Object.keys(demoDatasets) as DemoDatasetName[]) {
  const dataset = demoDatasets[name]({ train: Number(values.train), dev: 150, test: 200 }, seed);
  const folder = join(values.out, name);
  await mkdir(folder, { recursive: true });
  const write = async (part: 'train' | 'dev' | 'test'): Promise<string> => {
    const file = join(folder, `${part}.jsonl`);
    const rows = dataset.domains.flatMap((domain) => domain[part]);
    await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return file;
  };
  const [trainFile, devFile, testFile] = [await write('train'), await write('dev'), await write('test')];
  const score = async (base: string, label: string) => {
    const out = join(folder, label);
    await runTraining(
      {
        ...trainingDefaults,
        model: base,
        task: dataset.task,
        labels: dataset.labels,
        trainFiles: [trainFile],
        devFiles: [devFile],
        out,
        epochs: Number(values.epochs),
        learningRate: Number(values.lr),
        seed,
        headSeed: seed,
        freeze: [],
      },
      quietContext,
    );
    const [scored] = await evaluateModels(
      {
        models: [out],
        task: dataset.task,
        dataFiles: [testFile],
        ensemble: false,
        batchSize: 32,
      },
      quietContext,
    );
    return { metric: scored?.main ?? '', value: scored?.metrics[scored.main] ?? Number.NaN };
  };
  const fromRandom = await score(random, 'from-random');
  const fromBase = await score(values.base, 'from-base');
  const percent = (value: number): string => (100 * value).toFixed(1);
  process.stdout.write(
    `| ${name} | ${fromBase.metric} | ${percent(fromRandom.value)} | ${percent(fromBase.value)} |\n`,
  );
}
