/** @file A fine-tuned model of any kind, as what statistics are collected of. */
import type { FisherOptions } from '../../shared/contribution/fisher.ts';
import type { OutputGramsOptions } from '../../shared/contribution/output-grams.ts';
import type { OutputGramsToWrite } from '../../shared/contribution/write-contribution.ts';
import type { FisherToWrite } from '../../shared/contribution/write-fisher.ts';
import type { EncodedExample } from '../../shared/examples/example.ts';
import type { ExampleReader } from '../../shared/inference/load-examples.ts';
import type { FormedGrams } from './form-grams.ts';

/** A model, and how its statistics are collected. */
export interface StatisticsSource {
  readonly model: ExampleReader;
  /** Where its tokenizer lies. */
  readonly folder: string;
  /** Writes the model into the contribution. */
  writeModel(folder: string): Promise<void>;
  grams(examples: readonly EncodedExample[]): Promise<FormedGrams>;
  fisher(examples: readonly EncodedExample[], options: FisherOptions): Promise<FisherToWrite>;
  outputGrams(examples: readonly EncodedExample[], options: OutputGramsOptions): Promise<OutputGramsToWrite>;
  dispose(): Promise<void>;
}
