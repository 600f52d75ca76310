import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as layers from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StateDict } from '../../shared/tensor.ts';
import { openLayersModel } from '../../shared/tensorflow/layers-model.ts';
import { loadLayersModel } from '../../shared/tensorflow/load-layers-model.ts';
import { quietContext } from '../support/run-context.ts';
import { saveLayersModel, writeTinyLayersModel } from '../support/tiny-layers-model.ts';
import { toyRows, writeRows } from '../support/tiny-model.ts';
import { runCommand } from '../support/wire-process.ts';

const task = ['--task', 'text-classification'];
/** Convolution, BiLSTM, both normalisations, dropout, a model inside and TimeDistributed. */
function buildMixedModel(): layers.LayersModel {
  const { layers: make } = layers;
  type Symbolic = layers.SymbolicTensor;
  const ids = layers.input({ shape: [null], dtype: 'int32', name: 'ids' });
  const embedded = make.embedding({ name: 'words', inputDim: 12, outputDim: 6 }).apply(ids);
  const conv = make.conv1d({ name: 'conv', filters: 6, kernelSize: 3, padding: 'same' }).apply(embedded);
  const normed = make.batchNormalization({ name: 'norm', momentum: 0.5 }).apply(conv);
  const lstm = make.lstm({ units: 3, returnSequences: true, recurrentInitializer: 'glorotUniform' });
  const both = make
    .bidirectional({ name: 'both', layer: lstm as layers.RNN, mergeMode: 'concat' })
    .apply(normed);
  const scaled = make.layerNormalization({ name: 'scale' }).apply(both);
  const dropped = make.spatialDropout1d({ rate: 0.1, seed: 1 }).apply(scaled);
  const tokens = make.dense({ units: 6, activation: 'tanh' });
  const tagged = make.timeDistributed({ name: 'tokens', layer: tokens }).apply(dropped);
  const mean = make.globalAveragePooling1d({}).apply(tagged);
  const inside = layers.sequential({
    name: 'inside',
    layers: [
      make.dense({ name: 'inner', units: 6, activation: 'tanh', inputShape: [6] }),
      make.dropout({ rate: 0.1, seed: 2 }),
    ],
  });
  const output = make.dense({ name: 'head', units: 2 }).apply(inside.apply(mean));
  return layers.model({ inputs: ids, outputs: output as Symbolic });
}

let folder: string;
const at = (name: string): string => join(folder, name);

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(args);
  expect(code, stderr).toBe(0);
  return stdout;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-tensorflow-'));
  await writeTinyLayersModel(at('base'));
  const config = { model_type: 'tensorflow-js', id2label: { 0: 'warm', 1: 'cold' } };
  await writeFile(at('base/config.json'), JSON.stringify(config));
  for (const [seed, name] of ['north', 'south', 'test'].entries()) {
    await writeRows(at(`${name}.jsonl`), toyRows('text-classification', 60, seed));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('two agents with a TensorFlow.js model', () => {
  it('fine-tune, contribute, merge, and TensorFlow.js reads the fused model', async () => {
    for (const agent of ['north', 'south']) {
      const [data, model] = [at(`${agent}.jsonl`), at(`${agent}-model`)];
      const flags = [
        '--dev',
        at('test.jsonl'),
        '--epochs',
        '12',
        '--lr',
        '0.03',
        '--batch-size',
        '8',
        '--json',
      ];
      const trained = await run(
        'train',
        '--model',
        at('base/model.json'),
        ...task,
        '--train',
        data,
        '--out',
        model,
        ...flags,
      );
      expect(JSON.parse(trained).metrics.accuracy).toBeGreaterThan(0.85);
      expect(JSON.parse(trained).labels).toEqual(['warm', 'cold']);
      const made = await run(
        'stats',
        '--model',
        model,
        ...task,
        '--data',
        data,
        '--out',
        at(agent),
        '--agent',
        agent,
        '--json',
      );
      expect(JSON.parse(made)).toMatchObject({ grams: 2, linearLayers: 3 });
      expect(await readdir(at(agent))).toEqual([
        'config.json',
        'contribution.json',
        'grams.safetensors',
        'model.json',
        'model.safetensors',
      ]);
    }
    const stats = ['stats', '--model', at('north-model'), ...task, '--data', at('north.jsonl')];
    const norms = await runCommand([...stats, '--out', at('none'), '--norms']);
    expect(norms.code).toBe(1);
    expect(norms.stderr).toContain('--norms: is not there for TensorFlow.js models, only Grams');
    await run('merge', at('north'), at('south'), '--out', at('fused'));
    const report = JSON.parse(await readFile(at('fused/merge-report.json'), 'utf8'));
    expect(report.groups.map(({ name }: { name: string }) => name).sort()).toEqual(['head', 'left']);

    const [score] = JSON.parse(
      await run(
        'evaluate',
        '--model',
        at('fused'),
        at('north-model'),
        ...task,
        '--data',
        at('test.jsonl'),
        '--json',
      ),
    );
    expect(score.metrics.accuracy).toBeGreaterThan(0.8);
    await run(
      'predict',
      '--model',
      at('fused/model.json'),
      ...task,
      '--data',
      at('test.jsonl'),
      '--out',
      at('out.jsonl'),
    );
    const lines = (await readFile(at('out.jsonl'), 'utf8')).trim().split('\n');
    const logits: number[] = JSON.parse(lines[0] ?? '').logits;

    // As TensorFlow.js itself reads the folder: model.json and weights.bin alone.
    await cp(at('fused'), at('plain'), { recursive: true });
    for (const name of ['model.safetensors', 'config.json']) await rm(at(`plain/${name}`));
    const { network } = await loadLayersModel(at('plain'), 'text-classification', quietContext);
    const ids = toyRows('text-classification', 1, 2)[0]?.input_ids ?? [];
    const output = network.model.predict(
      network.tensorFlow.core.tensor2d([...ids], [1, ids.length], 'int32'),
    );
    const own = [...((Array.isArray(output) ? output[0] : output)?.dataSync() ?? [])];
    expect(own).toHaveLength(2);
    for (const [index, logit] of own.entries()) expect(logit).toBeCloseTo(logits[index] ?? Number.NaN, 5);
  });

  it('are merged with the coefficients that are best on validation data', async () => {
    const flags = ['--validation', at('test.jsonl'), '--trials', '3', '--alpha', '0.5,0.9', '--json'];
    const made = JSON.parse(await run('merge', at('north'), at('south'), '--out', at('searched'), ...flags));
    const scores = made.search.trials.map(({ score }: { score: number }) => score);
    expect(scores).toHaveLength(6);
    const args = ['--model', at('searched'), ...task, '--data', at('test.jsonl'), '--json'];
    const [score] = JSON.parse(await run('evaluate', ...args));
    expect(score.metrics.accuracy).toBeCloseTo(Math.max(...scores), 10);
  });

  it('do so with convolutions, recurrent and normalisation layers and models inside of it', async () => {
    await saveLayersModel(at('mixed'), buildMixedModel);
    const contributions: StateDict[] = [];
    for (const agent of ['north', 'south']) {
      const [data, model, out] = [at(`${agent}.jsonl`), at(`mixed-${agent}-model`), at(`mixed-${agent}`)];
      const flags = ['--epochs', '3', '--lr', '0.02', '--batch-size', '8'];
      await run('train', '--model', at('mixed'), ...task, '--train', data, '--out', model, ...flags);
      const args = ['--model', model, ...task, '--data', data, '--out', out, '--agent', agent, '--json'];
      expect(JSON.parse(await run('stats', ...args))).toMatchObject({ linearLayers: 3 });
      contributions.push((await openLayersModel(out)).weights);
    }
    await run('merge', at('mixed-north'), at('mixed-south'), '--out', at('mixed-fused'));
    const report = JSON.parse(await readFile(at('mixed-fused/merge-report.json'), 'utf8'));
    const groups = ['head', 'inner', 'tokens'];
    expect(report.groups.map(({ name }: { name: string }) => name).sort()).toEqual(groups);

    const fused = (await openLayersModel(at('mixed-fused'))).weights;
    const base = (await openLayersModel(at('mixed'))).weights;
    for (const name of ['norm/moving_mean', 'norm/moving_variance', 'conv/kernel', 'scale/gamma']) {
      for (const [index, value] of [...(fused.get(name)?.data ?? [])].entries()) {
        const [north, south] = contributions.map((weights) => weights.get(name)?.data[index] ?? Number.NaN);
        expect(value, name).toBeCloseTo(((north ?? 0) + (south ?? 0)) / 2, 6);
        expect(value, name).not.toBe(base.get(name)?.data[index]);
      }
    }
    const args = ['--model', at('mixed-fused'), ...task, '--data', at('test.jsonl'), '--json'];
    const [score] = JSON.parse(await run('evaluate', ...args));
    expect(score.metrics.accuracy).toBeGreaterThan(0.7);
  });

  it('contribute a model that TensorFlow.js saved, naming its base', async () => {
    const flags = ['--base', at('base'), '--data', at('north.jsonl'), '--agent', 'east', '--out', at('east')];
    await run('stats', '--model', at('base'), ...task, ...flags);
    expect((await openLayersModel(at('east'))).weights.size).toBe(7);
  });

  it('cannot have their neurons matched', async () => {
    const { code, stderr } = await runCommand([
      'match',
      at('north'),
      at('south'),
      ...task,
      '--out',
      at('matched'),
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('neurons of TensorFlow.js models cannot be matched');
  });

  it('are refused when their topologies differ', async () => {
    await cp(at('south'), at('other'), { recursive: true });
    const json = JSON.parse(await readFile(at('other/model.json'), 'utf8'));
    const layer = json.modelTopology.config.layers.find(({ name }: { name: string }) => name === 'left');
    layer.config.activation = 'relu';
    await writeFile(at('other/model.json'), JSON.stringify(json));
    const { code, stderr } = await runCommand(['merge', at('north'), at('other'), '--out', at('refused')]);
    expect(code).toBe(1);
    expect(stderr).toContain(
      'networks: must be the same, north and south differ in the topology of model.json',
    );
  });
});
