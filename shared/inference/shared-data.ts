import type { ReadData } from '../data/read-rows.ts';
import type { Row } from '../data/row.ts';
import type { InputSpec } from '../models/input-spec.ts';
import { type DataRequest, readDataFor } from './load-examples.ts';

/** Data files that several models are run over. */
export interface SharedData {
  /** The labelled rows of files; those that were read before for a model like this one again. */
  rowsFor(files: readonly string[], inputs: InputSpec): Promise<readonly Row[]>;
}

/** Reads files once for all models that read alike, and remembers their rows. */
export function createSharedData({ task, columns }: Pick<DataRequest, 'task' | 'columns'>): SharedData {
  const known = new Map<string, Promise<ReadData>>();
  return {
    async rowsFor(files, inputs) {
      const key = JSON.stringify([files, inputs.features === undefined]);
      const data = known.get(key) ?? readDataFor({ files, columns, task, labelled: true, inputs });
      known.set(key, data);
      return (await data).rows;
    },
  };
}
