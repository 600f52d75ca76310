/** @file Kernels that the WASM backend lacks and training needs. */
import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import type { RunContext } from '../runtime/run-context.ts';

type Core = typeof import('@tensorflow/tfjs-core');

const segmentSum = 'UnsortedSegmentSum';

type Notes = Pick<RunContext, 'note'>;

/** TensorFlow.js has one registry of kernels for all models: whoever opened the last is told. */
let listener: Notes = { note() {} };

/**
 * Gives the WASM backend the kernels that only the CPU backend has, the gradient of convolutions
 * among them: TensorFlow.js moves the inputs over, and the outputs come back.
 *
 * @param context told once of each kernel that is used; of several, the last
 */
export function completeWasmKernels(core: Core, context: Notes): void {
  listener = context;
  registerSegmentSum(core);
  const own = new Set(core.getKernelsForBackend('wasm').map(({ kernelName }) => kernelName));
  for (const { kernelName, kernelFunc } of core.getKernelsForBackend('cpu')) {
    if (own.has(kernelName)) continue;
    let isNoted = false;
    core.registerKernel({
      kernelName,
      backendName: 'wasm',
      kernelFunc({ inputs, attrs }) {
        if (!isNoted)
          listener.note(
            `TensorFlow.js' WASM backend has no kernel ${kernelName}, plain JavaScript computes it`,
          );
        isNoted = true;
        const cpu = core.findBackend('cpu');
        const outputs: TensorInfo | TensorInfo[] = kernelFunc({ inputs, attrs: attrs ?? {}, backend: cpu });
        const moved = [outputs].flat().map(({ dataId, shape, dtype }) => {
          const values = cpu.readSync(dataId);
          cpu.disposeData(dataId, true);
          return core.tensor(values as Float32Array, shape, dtype);
        });
        return Array.isArray(outputs) ? moved : (moved[0] ?? []);
      },
    });
  }
}

/**
 * The gradient of an embedding: rows of `x` added up by segment. The CPU backend's goes over all
 * rows for every segment.
 */
function registerSegmentSum(core: Core): void {
  if (core.getKernel(segmentSum, 'wasm') !== undefined) return;
  core.registerKernel({
    kernelName: segmentSum,
    backendName: 'wasm',
    kernelFunc({ inputs, attrs }) {
      const x = inputs.x as Tensor;
      const segmentIds = inputs.segmentIds as Tensor;
      const count = Number(attrs?.numSegments);
      const [values, ids] = [x.dataSync(), segmentIds.dataSync()];
      const width = values.length / ids.length;
      const sums = new Float32Array(count * width);
      for (const [row, id] of ids.entries()) {
        if (id < 0) continue;
        for (let column = 0; column < width; column++) {
          const at = id * width + column;
          sums[at] = (sums[at] as number) + (values[row * width + column] as number);
        }
      }
      return core.tensor(sums, [count, ...x.shape.slice(1)]);
    },
  });
}
