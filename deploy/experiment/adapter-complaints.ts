/** @file What an experiment whose agents train adapters cannot ask for. */
import { autoMethod } from '../../merger/auto/auto-options.ts';
import { type MethodOptions, needsOf } from '../../merger/methods/merge-keys.ts';
import { statisticsAmong } from '../../merger/methods/needs.ts';
import type { MethodName } from '../../merger/methods/registry.ts';

/** The parts of an experiment file that matter. */
export interface AdapterExperiment {
  readonly methods: readonly (MethodOptions & { readonly method: MethodName | typeof autoMethod })[];
  readonly heads: { readonly merging: 'united' | 'separate' };
  readonly matching?: object | undefined;
  readonly sweeps: { readonly batches: readonly number[] };
}

/** A key of the file, and what is wrong with it. */
export interface FileComplaint {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** What is wrong where agents train adapters: these have no statistics, and one head. */
export function complaintsAboutAdapters({
  methods,
  heads,
  matching,
  sweeps,
}: AdapterExperiment): readonly FileComplaint[] {
  const why = 'where agents train adapters (training.lora)';
  const needData = methods.flatMap(({ method, ...own }, index) => {
    const needs = method === autoMethod ? [] : needsOf({ ...own, method });
    return statisticsAmong(needs).length > 0
      ? [{ path: ['methods', index], message: `must need no data ${why}, the ${method} method does` }]
      : [];
  });
  return [
    ...needData,
    ...(heads.merging === 'united'
      ? []
      : [{ path: ['heads', 'merging'], message: `must be united ${why}, got ${heads.merging}` }]),
    ...(matching === undefined ? [] : [{ path: ['matching'], message: `must be absent ${why}` }]),
    ...(sweeps.batches.length === 0
      ? []
      : [{ path: ['sweeps', 'batches'], message: `must be absent ${why}` }]),
  ];
}
