/** @file Loads TensorFlow.js when a model of its own is given, and only then. */
import { RegmeanError } from '../errors.ts';
import type { RunContext } from '../runtime/run-context.ts';
import { completeWasmKernels } from './wasm-kernels.ts';

/** `@tensorflow/tfjs-core`. */
export type Core = typeof import('@tensorflow/tfjs-core');
/** `@tensorflow/tfjs-layers`. */
export type Layers = typeof import('@tensorflow/tfjs-layers');

/** TensorFlow.js, with a backend chosen. */
export interface TensorFlow {
  readonly core: Core;
  readonly layers: Layers;
  /** `tensorflow` of @tensorflow/tfjs-node where that is installed, else `wasm`, else `cpu`. */
  readonly backend: string;
}

const installHint =
  'npm install @tensorflow/tfjs-core @tensorflow/tfjs-layers @tensorflow/tfjs-backend-cpu @tensorflow/tfjs-backend-wasm';

/**
 * Loads TensorFlow.js with the fastest backend there is.
 *
 * @param importModule replaceable, for tests
 * @throws RegmeanError `unsupported` when it is not installed
 */
export async function loadTensorFlow(
  context: Pick<RunContext, 'note'>,
  importModule: (name: string) => Promise<unknown> = (name) => import(name),
): Promise<TensorFlow> {
  let core: Core;
  let layers: Layers;
  try {
    core = (await importModule('@tensorflow/tfjs-core')) as Core;
    layers = (await importModule('@tensorflow/tfjs-layers')) as Layers;
    await importModule('@tensorflow/tfjs-backend-cpu');
  } catch (cause) {
    throw new RegmeanError('unsupported', 'TensorFlow.js models need TensorFlow.js, which is not installed', {
      cause,
      hint: installHint,
    });
  }
  for (const [backend, name] of [
    ['tensorflow', '@tensorflow/tfjs-node'],
    ['wasm', '@tensorflow/tfjs-backend-wasm'],
  ] as const) {
    const isThere = await importModule(name).then(
      () => true,
      () => false,
    );
    if (!isThere || !(await core.setBackend(backend).catch(() => false))) continue;
    if (backend === 'wasm') completeWasmKernels(core, context);
    return { core, layers, backend };
  }
  await core.setBackend('cpu');
  return { core, layers, backend: 'cpu' };
}
