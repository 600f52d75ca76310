/** @file Words about Fisher information that agent, merger, recipes and files share. */

/** Name of the Fisher file in a contribution folder. */
export const fisherFile = 'fisher.safetensors';

/** `__metadata__.format` of Fisher files that this project writes. */
export const fisherFormat = 'regmean-fisher/1';

/**
 * Whose labels gradients are taken at: those of the data, the model's most probable, or all in
 * expectation.
 */
export const fisherVariants = ['empirical', 'hard', 'soft'] as const;
export type FisherVariant = (typeof fisherVariants)[number];

/**
 * How gradients become one number per parameter. `example`: the mean over examples of squared
 * gradients, the definition. `batch`: the mean over batches of the squared gradient of the batch's
 * mean loss, as the paper's published code has it; it depends on the batch size.
 */
export const fisherReductions = ['example', 'batch'] as const;
export type FisherReduction = (typeof fisherReductions)[number];

/** Which Fisher information, over how much of the data. */
export interface FisherOptions {
  readonly variant: FisherVariant;
  /** The most examples; a seeded random part of the data when it has more. */
  readonly examples: number;
  readonly reduction: FisherReduction;
}

/** 256 examples, a backward pass each, keep the cost near that of the Grams. */
export const fisherDefaults = { examples: 256, reduction: 'example' } as const;
