/** @file Grams in the form that leaves the agent. */
import type { GramForm } from '../../shared/contribution/gram-forms.ts';
import { unpackSymmetric } from '../../shared/contribution/gram-packing.ts';
import type { Gram, GramToWrite } from '../../shared/contribution/write-grams.ts';
import { factorGram } from '../../shared/linalg/factored-gram.ts';
import { createGemm, type Gemm } from '../../shared/linalg/gemm.ts';
import { type RunContext, stopIfAsked } from '../../shared/runtime/run-context.ts';
import type { CollectedGrams } from './collect-grams.ts';

/** What the Gram pass tells, with Grams as they are written. */
export interface FormedGrams extends Omit<CollectedGrams, 'grams' | 'singleTokens'> {
  readonly grams: readonly GramToWrite[];
}

const allDense: GramForm = { form: 'dense', rank: 0, tokenForm: 'dense' };

/** Brings dense Grams into a form; they stay as they are without one. */
export async function formGrams(
  { grams, singleTokens, ...collected }: CollectedGrams,
  { form, rank, tokenForm }: GramForm = allDense,
  context: RunContext,
): Promise<FormedGrams> {
  const gemm = createGemm(context.compute);
  try {
    const formed: GramToWrite[] = [];
    for (const gram of grams) {
      stopIfAsked(context, () => `factoring Grams: stopped at ${gram.name}`);
      const own = singleTokens.has(gram.name) ? tokenForm : form;
      formed.push(own === 'dense' ? gram : await factored(gemm, gram, own === 'diagonal' ? 0 : rank));
    }
    return { ...collected, grams: formed };
  } finally {
    await gemm.dispose();
  }
}

async function factored(gemm: Gemm, { packed, ...gram }: Gram, rank: number): Promise<GramToWrite> {
  const { name, dimension } = gram;
  const square = { rows: dimension, columns: dimension, data: unpackSymmetric(packed, dimension) };
  return { ...gram, ...(await factorGram(gemm, `Gram ${name}`, square, rank)) };
}
