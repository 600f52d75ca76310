/**
 * @file A contribution whose neurons have changed places: another set of weights for the same
 *   function.
 */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contributionLayers } from '../../shared/contribution/contribution-layers.ts';
import { fisherFile, fisherFormat } from '../../shared/contribution/fisher.ts';
import { gramLayers } from '../../shared/contribution/gram-layers.ts';
import { packUpper } from '../../shared/contribution/gram-packing.ts';
import { manifestFile } from '../../shared/contribution/manifest.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import type { GramFile } from '../../shared/contribution/open-grams.ts';
import { outputGramsFile } from '../../shared/contribution/output-grams.ts';
import { describeFiles } from '../../shared/contribution/write-contribution.ts';
import { gramsFile, writeGrams } from '../../shared/contribution/write-grams.ts';
import { normsFile } from '../../shared/contribution/write-norms.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { writeFolderAtomically } from '../../shared/files/atomic-folder.ts';
import { writeJsonAtomically } from '../../shared/files/atomic-write.ts';
import type { LayerIndex } from '../../shared/models/layer-index.ts';
import type { LinearLayer } from '../../shared/models/linear-layers.ts';
import { copyTravellingFiles } from '../../shared/models/side-files.ts';
import { writeConfig } from '../../shared/models/written-config.ts';
import { isFloatDtype } from '../../shared/safetensors/dtype.ts';
import { weightsFile } from '../../shared/safetensors/model-weights.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { fillSafetensors } from '../../shared/safetensors/write-safetensors.ts';

/**
 * New places for the neurons between two layers: place i is taken by the neuron that was at
 * `order[i]`.
 */
export interface NeuronOrder {
  readonly first: LinearLayer;
  readonly second: LinearLayer;
  /** [neurons] */
  readonly order: Int32Array;
}

/**
 * Writes a contribution with its neurons in another order: outputs of the first layer's weight and
 * its bias, inputs of the second layer's weight, rows and columns of the second layer's Gram and of
 * the first layer's output Gram, and Fisher information alike.
 *
 * @throws RegmeanError `unsupported` for Grams whose number of rows is not known
 */
export async function permuteContribution(
  contribution: Contribution,
  orders: readonly NeuronOrder[],
  out: string,
): Promise<void> {
  const { model, weights, grams, fisher, outputGrams, norms, manifest } = contribution;
  await writeFolderAtomically(
    out,
    async (target) => {
      await copyTravellingFiles(model.folder, target);
      await writeConfig(target, model.config.text, 'F32');
      await writePermuted(weights, orders, join(target, weightsFile), { format: 'pt' });
      await model.writeNetwork(target);
      const known = await contributionLayers(contribution);
      for (const [file, side, name] of [
        [grams, 'second', gramsFile],
        [outputGrams, 'first', outputGramsFile],
      ] as const) {
        if (file !== undefined) await permuteGrams(file, side, known, orders, join(target, name));
      }
      if (fisher !== undefined) {
        const { variant, reduction, examples } = fisher;
        await writePermuted(fisher, orders, join(target, fisherFile), {
          format: fisherFormat,
          ...(variant === undefined ? {} : { variant }),
          ...(reduction === undefined ? {} : { reduction }),
          ...(examples === undefined ? {} : { examples: String(examples) }),
        });
      }
      // Between the layers that neurons lie between nothing is normalised.
      if (norms !== undefined) await copyFile(norms.path, join(target, normsFile));
      if (manifest === undefined) return;
      await writeJsonAtomically(join(target, manifestFile), {
        ...manifest,
        files: await describeFiles(target),
      });
    },
    { replace: true },
  );
}

async function writePermuted(
  reader: TensorReader,
  orders: readonly NeuronOrder[],
  path: string,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const specs = [...reader.tensors].map(([name, { shape, dtype }]) => ({
    ...{ name, shape },
    dtype: isFloatDtype(dtype) ? ('F32' as const) : dtype,
  }));
  await fillSafetensors(path, specs, metadata, async (sink) => {
    for (const { name, shape, dtype } of specs) {
      if (dtype !== 'F32') {
        await sink.write(name, await reader.readBytes(name));
        continue;
      }
      let { data } = await reader.readFloat32(name);
      for (const { first, second, order } of orders) {
        const columns = shape.length === 2 ? (shape[1] as number) : 1;
        const isByRows =
          name === first.bias ||
          (name === first.weight && first.orientation === 'out-in') ||
          (name === second.weight && second.orientation === 'in-out');
        if (isByRows) data = permuteRows(data, columns, order);
        else if (name === first.weight || name === second.weight) data = permuteColumns(data, columns, order);
      }
      await sink.write(name, data);
    }
  });
}

async function permuteGrams(
  file: GramFile,
  side: 'first' | 'second',
  known: LayerIndex | null,
  orders: readonly NeuronOrder[],
  path: string,
): Promise<void> {
  const { byModule } = gramLayers(file, known);
  const orderOf = new Map(orders.map(({ order, ...layers }) => [byModule.get(layers[side].module), order]));
  const grams = [...file.grams].map(([name, { dimension, rows }]) => {
    if (rows === undefined) {
      throw new RegmeanError(
        'unsupported',
        `${file.path}: Gram ${name} needs its number of rows to be permuted`,
      );
    }
    return {
      ...{ name, dimension, rows },
      packed: async () => {
        const square = await file.readSquare(name, { diagonal: 1, offDiagonal: 1 });
        const order = orderOf.get(name);
        if (order === undefined) return packUpper(square, dimension);
        const byRows = permuteRows(square, dimension, order);
        return packUpper(permuteColumns(byRows, dimension, order), dimension);
      },
    };
  });
  await writeGrams(path, grams, file.layers, file.weights);
}

function permuteRows<T extends Float32Array | Float64Array>(data: T, columns: number, order: Int32Array): T {
  const result = data.slice() as T;
  for (const [place, row] of order.entries()) {
    result.set(data.subarray(row * columns, (row + 1) * columns), place * columns);
  }
  return result;
}

function permuteColumns<T extends Float32Array | Float64Array>(
  data: T,
  columns: number,
  order: Int32Array,
): T {
  const result = data.slice() as T;
  for (let start = 0; start < data.length; start += columns) {
    for (const [place, column] of order.entries()) result[start + place] = data[start + column] as number;
  }
  return result;
}
