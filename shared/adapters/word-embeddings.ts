/**
 * @file Where a family keeps its word embeddings, and which weight turns hidden states into words.
 */
import type { Architecture } from '../models/architecture.ts';

/** The parameters that are one table in a model with tied embeddings. */
export interface WordEmbeddings {
  /** The table as the graph names it. */
  readonly table: string;
  /** Names under which inputs read it. */
  readonly inputs: readonly string[];
  /** The weight of the language-model head; a copy of the table where the model is tied. */
  readonly output: string;
  /** Whether a model of the same family can have a head of its own and compute the same else. */
  readonly canUntie: boolean;
}

/** Of several inputs (T5's encoder and decoder), each has the table under this name. */
const inputTable = /(^|\.)embed_tokens\.weight$/;

/**
 * The word embeddings of a family with a head for a language task; null where it has no tied ones.
 */
export function wordEmbeddingsOf(
  architecture: Architecture,
  configJson: Readonly<Record<string, unknown>>,
): WordEmbeddings | null {
  const copiesOf = (tie: boolean): Readonly<Record<string, string>> =>
    architecture.tiedCopies(architecture.parseConfig({ ...configJson, tie_word_embeddings: tie }));
  const copies = Object.entries(copiesOf(true)).filter(([copy]) => copy.endsWith('.weight'));
  const [output, table] = copies.find(([copy]) => !inputTable.test(copy)) ?? [];
  if (output === undefined || table === undefined) return null;
  const inputs = copies.flatMap(([copy]) => (inputTable.test(copy) ? [copy] : []));
  return {
    table,
    inputs: inputs.length === 0 ? [table] : inputs,
    output,
    // Of T5, versions of transformers disagree on the scale of a head that was tied before.
    canUntie: inputs.length === 0 && !Object.hasOwn(copiesOf(false), output),
  };
}
