/**
 * @file Pretrains the small base model of the demo by masked language modelling, with the project's
 *   own engine: `npm run pretrain -- --out DIR`. About an hour on two cores.
 */
import { mkdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Tokenizer } from 'tokenizers';
import { adamWDefaults, createAdamW } from '../../agent/training/adamw.ts';
import { createArena, fillArena } from '../../agent/training/parameter-arena.ts';
import { linearSchedule } from '../../agent/training/schedule.ts';
import { createLossAndGradients } from '../../agent/training/train-step.ts';
import { outliveReaders } from '../../shared/cli/closed-pipes.ts';
import { commandContext } from '../../shared/cli/command-context.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { createModel, type Model, saveModel } from '../../shared/models/model-folder.ts';
import { createRandom, deriveSeed } from '../../shared/random.ts';
import { stopIfAsked } from '../../shared/runtime/run-context.ts';
import { formatDuration } from '../../shared/text/amounts.ts';
import { pretrainingTexts } from './corpus.ts';
import { maskTokens } from './mask-tokens.ts';
import {
  batches,
  batchSize,
  encodeTexts,
  maskedAccuracy,
  maxLength,
  seed,
  specialTokenIds,
  vocabulary,
} from './masked-batches.ts';
import { setSinusoidalPositions } from './sinusoidal-positions.ts';
import { learnVocabulary } from './train-tokenizer.ts';
import { writeTokenizer } from './write-tokenizer.ts';

const peakLearningRate = 1e-3;
const warmupRatio = 0.06;
/**
 * Short memory of squared gradients, as RoBERTa was pretrained with: the loss leaves its first
 * plateau sooner.
 */
const beta2 = 0.98;
const saveEverySteps = 500;
const baseConfig = {
  model_type: 'bert',
  architectures: ['BertForMaskedLM'],
  vocab_size: vocabulary.size,
  hidden_size: 256,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  intermediate_size: 1024,
  hidden_act: 'gelu',
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
  max_position_embeddings: maxLength,
  type_vocab_size: 2,
  initializer_range: 0.05,
  layer_norm_eps: 1e-12,
  pad_token_id: specialTokenIds.pad,
} as const;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { out: { type: 'string' }, epochs: { type: 'string', default: '5' } },
  });
  if (values.out === undefined) throw new RegmeanError('usage', 'pretrain: --out DIR is required');
  const epochs = Number(values.epochs);
  const started = performance.now();
  const context = commandContext();
  await mkdir(values.out, { recursive: true });
  const texts = pretrainingTexts();
  await writeTokenizer(values.out, learnVocabulary(texts.train, vocabulary.size), maxLength);
  const tokenizer = Tokenizer.fromFile(`${values.out}/tokenizer.json`);
  const train = await encodeTexts(tokenizer, texts.train);
  const heldOut = await encodeTexts(tokenizer, texts.heldOut);

  const initial = createModel(baseConfig, 'masked-lm', [], seed);
  const shapes = new Map([...initial.weights].map(([name, tensor]) => [name, tensor.shape]));
  const parameters = createArena(shapes);
  fillArena(parameters, initial.weights);
  const positions = parameters.tensors.get('bert.embeddings.position_embeddings.weight');
  if (positions !== undefined) setSinusoidalPositions(positions, baseConfig.initializer_range);
  const gradientArena = createArena(shapes);
  const step = await createLossAndGradients(
    initial,
    {
      parameters: parameters.tensors,
      gradientArena,
      dropoutSeed: null,
    },
    context.compute,
  );
  const optimizer = createAdamW({ parameters, gradients: gradientArena }, { ...adamWDefaults, beta2 });
  const model: Model = { ...initial, weights: parameters.tensors };

  const stepsPerEpoch = Math.ceil(train.length / batchSize);
  const totalSteps = stepsPerEpoch * epochs;
  const tokensPerEpoch = train.reduce((sum, sequence) => sum + sequence.length, 0);
  const progress = context.progress({ label: 'pretraining', total: tokensPerEpoch * epochs, unit: 'tokens' });
  let tokens = 0;
  let averageLoss = Number.NaN;
  let steps = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const random = createRandom(deriveSeed(seed, 'epoch', epoch));
    for (const batch of batches(
      train,
      (sequence) => sequence.length,
      createRandom(deriveSeed(seed, 'order', epoch)),
    )) {
      stopIfAsked(context, () => `pretraining stopped at step ${steps}`);
      const loss = await step.run(maskTokens(batch, vocabulary, random));
      optimizer.step(linearSchedule(steps, { totalSteps, warmupRatio, peak: peakLearningRate }));
      averageLoss = Number.isNaN(averageLoss) ? loss : 0.98 * averageLoss + 0.02 * loss;
      tokens += batch.reduce((sum, sequence) => sum + sequence.length, 0);
      steps++;
      progress.update(tokens, `epoch ${epoch + 1}/${epochs} · loss ${averageLoss.toFixed(3)}`);
      if (steps % saveEverySteps === 0) await saveModel(values.out, model, { dtype: 'F16' });
    }
    const { accuracy, loss } = await maskedAccuracy(model, heldOut, context.compute);
    process.stdout.write(
      `epoch ${epoch + 1}: held-out masked accuracy ${accuracy.toFixed(4)}, loss ${loss.toFixed(4)}\n`,
    );
  }
  progress.finish();
  await saveModel(values.out, model, { dtype: 'F16' });
  await step.dispose();
  const seconds = (performance.now() - started) / 1000;
  process.stdout.write(`${tokens} tokens, ${steps} steps in ${formatDuration(seconds)}\n`);
}

outliveReaders();
await main();
