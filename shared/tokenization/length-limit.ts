/**
 * Models that count positions from `pad_token_id + 1`, so that their first positions are never
 * used.
 */
const padOffsetModels = new Set([
  'roberta',
  'xlm-roberta',
  'xlm-roberta-xl',
  'camembert',
  'longformer',
  'mpnet',
]);

/**
 * The longest sequence for which a model of this config.json has positions; Infinity when it names
 * no limit. A RoBERTa of 514 position embeddings and pad id 1 takes 512 tokens.
 */
export function lengthLimit(config: {
  readonly model_type?: string | undefined;
  readonly max_position_embeddings?: number | null | undefined;
  readonly n_positions?: number | null | undefined;
  readonly pad_token_id?: number | null | undefined;
}): number {
  const positions = config.max_position_embeddings ?? config.n_positions ?? Number.POSITIVE_INFINITY;
  const offset = padOffsetModels.has(config.model_type ?? '') ? (config.pad_token_id ?? 1) + 1 : 0;
  return positions - offset;
}
