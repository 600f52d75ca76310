import type { Random } from '../../shared/random.ts';
import type { RunTensor } from '../../shared/runtime/session.ts';

/** Vocabulary facts that masking needs. */
export interface MaskingVocabulary {
  readonly size: number;
  readonly padTokenId: number;
  readonly maskTokenId: number;
  /** Ids below this are special tokens: never predicted, never drawn as replacements. */
  readonly firstOrdinaryId: number;
}

const maskedShare = 0.15;
const replacedByMask = 0.8;
const replacedByRandom = 0.1;

/**
 * A batch for masked language modelling (Devlin et al., 2019): 15 % of the ordinary tokens are
 * predicted; of these 80 % are replaced by [MASK], 10 % by a random token, 10 % stay.
 *
 * @param sequences token ids, special tokens included
 * @returns feeds of a `masked-lm` graph: int32 [batch, seq] inputs, [masked] positions and labels
 */
export function maskTokens(
  sequences: readonly Int32Array[],
  vocabulary: MaskingVocabulary,
  random: Random,
): ReadonlyMap<string, RunTensor> {
  const batch = sequences.length;
  const seq = Math.max(...sequences.map((sequence) => sequence.length));
  const inputIds = new Int32Array(batch * seq).fill(vocabulary.padTokenId);
  const attentionMask = new Int32Array(batch * seq);
  const positions: number[] = [];
  const labels: number[] = [];
  for (const [row, sequence] of sequences.entries()) {
    for (const [column, id] of sequence.entries()) {
      const at = row * seq + column;
      attentionMask[at] = 1;
      inputIds[at] = id;
      if (id < vocabulary.firstOrdinaryId || random() >= maskedShare) continue;
      positions.push(at);
      labels.push(id);
      inputIds[at] = replacement(id, vocabulary, random);
    }
  }
  if (positions.length === 0) {
    // A batch without a masked token has no loss; its first ordinary token is predicted unmasked.
    const at = inputIds.findIndex((id) => id >= vocabulary.firstOrdinaryId);
    positions.push(Math.max(0, at));
    labels.push(inputIds[Math.max(0, at)] ?? 0);
  }
  const shape = [batch, seq];
  return new Map<string, RunTensor>([
    ['input_ids', { shape, data: inputIds }],
    ['attention_mask', { shape, data: attentionMask }],
    ['token_type_ids', { shape, data: new Int32Array(batch * seq) }],
    ['masked_positions', { shape: [positions.length], data: Int32Array.from(positions) }],
    ['labels', { shape: [labels.length], data: Int32Array.from(labels) }],
  ]);
}

function replacement(id: number, vocabulary: MaskingVocabulary, random: Random): number {
  const draw = random();
  if (draw < replacedByMask) return vocabulary.maskTokenId;
  if (draw >= replacedByMask + replacedByRandom) return id;
  const ordinary = vocabulary.size - vocabulary.firstOrdinaryId;
  return vocabulary.firstOrdinaryId + Math.floor(random() * ordinary);
}
