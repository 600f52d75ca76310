/**
 * @file What is written of rows of language tasks: generated texts, logits of given targets, or how
 *   probable a text is.
 */
import type { Row } from '../../shared/data/row.ts';
import type { EvaluationOptions } from '../../shared/examples/batches-of.ts';
import { decoderInputIdsOf, targetLengthOf } from '../../shared/examples/collate.ts';
import type { EncodedExample } from '../../shared/examples/example.ts';
import { generationDefaults } from '../../shared/generation/defaults.ts';
import { createGenerator } from '../../shared/generation/generator.ts';
import { createLikelihoods } from '../../shared/inference/likelihoods.ts';
import { createPredictor } from '../../shared/inference/predictor.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { needsTokenizer } from '../../shared/tokenization/encode-rows.ts';
import { loadTokenizer } from '../../shared/tokenization/load-tokenizer.ts';
import { hasTokenizer } from '../../shared/tokenization/tokenizer-files.ts';
import type { PredictOptions } from './predict-options.ts';

/** Rows and their examples, in one order. */
export interface LanguageRows {
  readonly rows: readonly Row[];
  readonly examples: readonly EncodedExample[];
}

/** What is asked of the model, and the folder that its tokenizer lies in. */
export interface DescribeOptions extends PredictOptions {
  readonly folder: string;
}

/** What is written of each row, in the order of the rows (see `regmean predict --help`). */
export async function describeTexts(
  model: Model,
  { rows, examples }: LanguageRows,
  options: DescribeOptions,
  context: RunContext,
): Promise<readonly object[]> {
  const ways = rows.map((row, index) => wayOf(model, row, examples[index] as EncodedExample, options));
  const described: object[] = [];
  for (const [way, describe] of Object.entries(describers) as [Way, Describer][]) {
    const indices = [...rows.keys()].filter((index) => ways[index] === way);
    if (indices.length === 0) continue;
    const chosen = {
      rows: indices.map((index) => rows[index] as Row),
      examples: indices.map((index) => examples[index] as EncodedExample),
    };
    const results = await describe(model, chosen, options, context);
    for (const [position, index] of indices.entries()) described[index] = results[position] as object;
  }
  return described;
}

type Way = 'generate' | 'logits' | 'likelihood';
type Describer = (
  model: Model,
  rows: LanguageRows,
  options: DescribeOptions,
  context: RunContext,
) => Promise<readonly object[]>;

const describers: Readonly<Record<Way, Describer>> = {
  generate: describeGenerated,
  logits: describeLogits,
  likelihood: describeLikelihoods,
};

function wayOf({ task }: Model, { input }: Row, example: EncodedExample, options: DescribeOptions): Way {
  if (task === 'text2text') return targetLengthOf(example) > 0 ? 'logits' : 'generate';
  if (options.maxNewTokens !== undefined) return 'generate';
  return input.kind === 'ids' ? 'logits' : 'likelihood';
}

async function describeGenerated(
  model: Model,
  { rows, examples }: LanguageRows,
  options: DescribeOptions,
  context: RunContext,
): Promise<readonly object[]> {
  const generator = await createGenerator(model, model.weights, context.compute);
  try {
    noteNotApplied(model, options, context);
    const { beams = generationDefaults.beams, maxNewTokens = generationDefaults.maxNewTokens } = options;
    const texts = await generator.generate(
      examples,
      { beams, maxNewTokens, ...evaluation(options) },
      context,
    );
    if (!hasTokenizer(options.folder) && !needsTokenizer(rows, model.task)) {
      return texts.map((ids) => ({ ids: [...ids] }));
    }
    const tokenizer = await loadTokenizer(options.folder);
    return Promise.all(texts.map(async (ids) => ({ ids: [...ids], text: await tokenizer.decode(ids) })));
  } finally {
    await generator.dispose();
  }
}

/** Tells what generation_config.json asks for and is not done. */
function noteNotApplied({ config }: Model, { folder }: DescribeOptions, context: RunContext): void {
  const { notApplied = [] } = config.inputs.generation ?? {};
  if (notApplied.length === 0) return;
  context.note(
    `${folder}/generation_config.json: not applied, the search is plain: ${notApplied.join(', ')}`,
  );
}

async function describeLogits(
  model: Model,
  { examples }: LanguageRows,
  options: DescribeOptions,
  context: RunContext,
): Promise<readonly object[]> {
  const predictor = await createPredictor(model, model.weights, context.compute);
  try {
    const { outputs } = predictor;
    const logits = await predictor.predict(unlabelledAlike(model, examples), evaluation(options), context);
    return logits.map((own) => ({
      logits: Array.from({ length: own.length / outputs }, (_, row) => [
        ...own.subarray(row * outputs, (row + 1) * outputs),
      ]),
    }));
  } finally {
    await predictor.dispose();
  }
}

function evaluation({ batchSize }: PredictOptions): EvaluationOptions {
  return { batchSize, name: 'predicting' };
}

/** Examples without labels; some rows bring only what the decoder reads. */
function unlabelledAlike({ task, config }: Model, examples: readonly EncodedExample[]): EncodedExample[] {
  return examples.map((example) => {
    const decoder =
      task === 'text2text' ? { decoderInputIds: decoderInputIdsOf(example, config.inputs) } : {};
    return { ...example, labels: null, ...decoder };
  });
}

async function describeLikelihoods(
  model: Model,
  { examples }: LanguageRows,
  options: DescribeOptions,
  context: RunContext,
): Promise<readonly object[]> {
  const likelihoods = await createLikelihoods(model, model.weights, context.compute);
  try {
    return await likelihoods.compute(examples, evaluation(options), context);
  } finally {
    await likelihoods.dispose();
  }
}
