/**
 * What a model should say about an example: a class index (text classification) or a value
 * (regression); 0/1 per class (multi-label, [classes]); a class index per token, -100 where there
 * is none (token classification, [length]); the tokens of the target (text2text, [target]) or the
 * token that follows each (causal-lm, [length]), -100 where there is none; null for an unlabelled
 * example.
 */
export type ExampleLabels = number | Float32Array | Int32Array | null;
