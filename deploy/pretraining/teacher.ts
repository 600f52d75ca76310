/** @file A larger model whose hidden states are imitated. */
import { join } from 'node:path';
import { Tokenizer } from 'tokenizers';
import { requireGraphModel } from '../../shared/formats/model-format.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import { buildModelGraph } from '../../shared/models/model-graph.ts';
import type { Compute } from '../../shared/runtime/compute.ts';
import { createSession, type RunTensor } from '../../shared/runtime/session.ts';
import {
  pooledStates,
  poolingMatrix,
  type TextSpan,
  type TokenOffsets,
  tokensOfSpans,
} from './word-pooling.ts';

/** A text and the spans of it whose averaged hidden states are wanted. */
export interface SpannedText {
  readonly text: string;
  readonly spans: readonly TextSpan[];
}

/** A model that says what the spans of texts are. */
export interface Teacher {
  readonly hiddenSize: number;
  /** Per text, [spans, hidden]; a row of zeros for a span that the model does not reach. */
  statesOf(texts: readonly SpannedText[]): Promise<readonly Float32Array[]>;
  dispose(): Promise<void>;
}

/**
 * Opens a folder with a model of hidden states that are averaged over tokens.
 *
 * @param maxLength longer texts are cut
 */
export function openTeacher(folder: string, maxLength: number, compute: Compute): Promise<Teacher> {
  return withModel(folder, async (opened) => {
    const base = requireGraphModel(opened, () => 'a teacher has hidden states');
    const { model } = await base.load({ task: 'text-classification', classes: ['a', 'b'], headSeed: 0 });
    const built = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
    built.graph.output('pooled', pooledStates(built));
    const session = await createSession(built.graph, compute);
    const tokenizer = Tokenizer.fromFile(join(base.folder, 'tokenizer.json'));
    tokenizer.disablePadding();
    tokenizer.setTruncation(maxLength);
    const hiddenSize = built.hidden.shape.at(-1) as number;
    return {
      hiddenSize,
      async statesOf(texts) {
        const encodings = await tokenizer.encodeBatch(texts.map(({ text }) => text));
        const seq = Math.max(...encodings.map((encoding) => encoding.getIds().length));
        const shape = [texts.length, seq];
        const inputIds = new Int32Array(texts.length * seq).fill(model.config.inputs.padTokenId);
        const attentionMask = new Int32Array(texts.length * seq);
        const tokens = encodings.map((encoding, row) => {
          const ids = encoding.getIds();
          inputIds.set(ids, row * seq);
          attentionMask.fill(1, row * seq, row * seq + ids.length);
          return tokensOfSpans(texts[row]?.spans ?? [], encoding.getOffsets() as TokenOffsets);
        });
        const pooling = poolingMatrix(tokens, seq);
        const results = await session.run(
          new Map<string, RunTensor>([
            ...model.weights,
            ['input_ids', { shape, data: inputIds }],
            ['attention_mask', { shape, data: attentionMask }],
            ['token_type_ids', { shape, data: new Int32Array(texts.length * seq) }],
            ['pool', pooling],
          ]),
        );
        const pooled = results.get('pooled')?.data as Float32Array;
        const rows = pooling.shape[1] as number;
        return texts.map(({ spans }, row) =>
          pooled.slice(row * rows * hiddenSize, (row * rows + spans.length) * hiddenSize),
        );
      },
      dispose: () => session.dispose(),
    };
  });
}
