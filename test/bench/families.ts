/**
 * @file One fine-tuning step of models of other families than BERT, at the sizes they are published
 *   in, against PyTorch's (forward, backward, clipping, AdamW; without dropout). Usage: node
 *   dist/test/bench/families.js [rounds] [family..]
 */
import { createModel } from '../../shared/models/model-folder.ts';
import { createRandom } from '../../shared/random.ts';
import type { TaskKind } from '../../shared/task.ts';
import { feedsOf } from '../support/fixture-feeds.ts';
import type { FixtureBatch } from '../support/torch-fixture.ts';
import { mediansOfAlternating, type Timed } from './support/alternate.ts';
import { printReport } from './support/report.ts';
import { startTorch } from './support/torch.ts';
import { startTraining } from './support/training-side.ts';

const threads = 2;
const batchSize = 8;
const seqLength = 128;
const targetLength = 32;

interface BenchFamily {
  readonly task: TaskKind;
  readonly config: Readonly<Record<string, unknown>> & { readonly vocab_size: number };
}

const classes = { id2label: { 0: 'negative', 1: 'positive' }, problem_type: 'single_label_classification' };

const families: Readonly<Record<string, BenchFamily>> = {
  'DeBERTa-v3 base': {
    task: 'text-classification',
    config: {
      architectures: ['DebertaV2ForSequenceClassification'],
      model_type: 'deberta-v2',
      vocab_size: 128_100,
      hidden_size: 768,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      intermediate_size: 3072,
      hidden_act: 'gelu',
      hidden_dropout_prob: 0,
      attention_probs_dropout_prob: 0,
      max_position_embeddings: 512,
      type_vocab_size: 0,
      layer_norm_eps: 1e-7,
      pad_token_id: 0,
      relative_attention: true,
      position_buckets: 256,
      max_relative_positions: -1,
      pos_att_type: ['p2c', 'c2p'],
      norm_rel_ebd: 'layer_norm',
      share_att_key: true,
      position_biased_input: false,
      pooler_hidden_act: 'gelu',
      pooler_dropout: 0,
      cls_dropout: 0,
      conv_kernel_size: 0,
      ...classes,
    },
  },
  'T5 1.1 base': {
    task: 'text2text',
    config: {
      architectures: ['T5ForConditionalGeneration'],
      model_type: 't5',
      vocab_size: 32_128,
      d_model: 768,
      d_kv: 64,
      d_ff: 2048,
      num_layers: 12,
      num_decoder_layers: 12,
      num_heads: 12,
      relative_attention_num_buckets: 32,
      relative_attention_max_distance: 128,
      dropout_rate: 0,
      layer_norm_epsilon: 1e-6,
      feed_forward_proj: 'gated-gelu',
      tie_word_embeddings: false,
      pad_token_id: 0,
      eos_token_id: 1,
      decoder_start_token_id: 0,
    },
  },
  'GPT-2': {
    task: 'causal-lm',
    config: {
      architectures: ['GPT2LMHeadModel'],
      model_type: 'gpt2',
      vocab_size: 50_257,
      n_embd: 768,
      n_layer: 12,
      n_head: 12,
      n_positions: 1024,
      activation_function: 'gelu_new',
      resid_pdrop: 0,
      embd_pdrop: 0,
      attn_pdrop: 0,
      layer_norm_epsilon: 1e-5,
      pad_token_id: 50_256,
      eos_token_id: 50_256,
    },
  },
};

function randomBatch({ task, config }: BenchFamily): FixtureBatch {
  const random = createRandom(1);
  const rows = (length: number, below: number): number[][] =>
    Array.from({ length: batchSize }, () => Array.from({ length }, () => Math.floor(random() * below)));
  const inputIds = rows(seqLength, config.vocab_size);
  const inputs = { input_ids: inputIds, attention_mask: inputIds.map((row) => row.map(() => 1)) };
  if (task === 'causal-lm') return { ...inputs, labels: inputIds };
  if (task === 'text-classification') return { ...inputs, labels: rows(1, 2).flat() };
  const labels = rows(targetLength, config.vocab_size);
  return { ...inputs, labels, decoder_input_ids: labels.map((row) => [0, ...row.slice(0, -1)]) };
}

async function measure(name: string, family: BenchFamily, rounds: number): Promise<void> {
  const { config, task } = family;
  const model = createModel(config, task, task === 'text-classification' ? ['negative', 'positive'] : [], 1);
  const training = await startTraining(model, { dropoutSeed: null }, { threads });
  const batch = randomBatch(family);
  const feeds = feedsOf(task, batch);
  const torch = await startTorch('families.py', { threads, config, batch });
  const works: Timed<'backward' | 'optimizer' | 'torch'>[] = [() => training.step(feeds)];
  if (torch !== null) works.push(async () => ({ torch: await torch.time('step') }));
  const median = await mediansOfAlternating(rounds, works);
  await training.dispose();
  torch?.close();

  const ours = median('backward') + median('optimizer');
  const tokens = batchSize * (seqLength + (task === 'text2text' ? targetLength : 0));
  const described = (seconds: number): string =>
    `${Math.round(tokens / seconds)} tokens/s, ${(1000 * seconds).toFixed(0)} ms`;
  printReport(`fine-tuning step, ${name}, batch ${batchSize} x ${seqLength}`, [
    ['regmean', described(ours)],
    ['optimizer', `${((100 * median('optimizer')) / ours).toFixed(1)} % of the step`],
    ...(torch === null
      ? []
      : ([
          ['PyTorch', described(median('torch'))],
          ['ratio of tokens/s', (median('torch') / ours).toFixed(2)],
        ] as const)),
  ]);
}

const rounds = Number(process.argv[2] ?? 5);
const wanted = process.argv.slice(3);
for (const [name, family] of Object.entries(families)) {
  if (wanted.length === 0 || wanted.includes(name)) await measure(name, family, rounds);
}
