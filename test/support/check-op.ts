import { expect } from 'vitest';
import { gradients } from '../../shared/graph/gradients.ts';
import { Graph, type Value } from '../../shared/graph/graph.ts';
import { mul, sumAll } from '../../shared/graph/ops/index.ts';
import { createRandom } from '../../shared/random.ts';
import { createSession, type RunTensor } from '../../shared/runtime/session.ts';
import { sizeOf } from '../../shared/tensor.ts';
import { oneThread } from './run-context.ts';

/** What an op test feeds and expects. */
export interface OpCase {
  /** Shape of each differentiable input. */
  readonly shapes: readonly (readonly number[])[];
  /** Applies the op to the inputs. */
  readonly build: (...inputs: Value[]) => Value;
  /** Maps the random values in [-1, 1) into the op's domain. */
  readonly domain?: (x: number) => number;
  /** float64 where ONNX Runtime has the kernel, so that finite differences are sharp. */
  readonly dtype?: 'float32' | 'float64';
  /** The expected output of the forward pass. */
  readonly reference: (...inputs: Float64Array[]) => ArrayLike<number>;
}

/**
 * Checks an op's forward pass against a reference, and the gradient of a random weighting of its
 * outputs by every input against central finite differences.
 */
export async function checkOp(opCase: OpCase): Promise<void> {
  const dtype = opCase.dtype ?? 'float64';
  const random = createRandom(7);
  const domain = opCase.domain ?? ((x) => x);
  const arrays = opCase.shapes.map((shape) =>
    Float64Array.from({ length: sizeOf(shape) }, () => domain(2 * random() - 1)),
  );

  const graph = new Graph();
  const inputs = opCase.shapes.map((shape, index) => graph.input(`x${index}`, dtype, shape));
  const y = opCase.build(...inputs);
  const weight = graph.input('weight', dtype, y.shape);
  const loss = sumAll(mul(y, weight));
  graph.output('y', y);
  graph.output('loss', loss);
  for (const [index, gradient] of gradients(loss, inputs).entries()) graph.output(`g${index}`, gradient);
  const session = await createSession(graph, oneThread);

  const toTensor = (data: ArrayLike<number>, shape: readonly number[]): RunTensor => ({
    shape,
    data: dtype === 'float64' ? Float64Array.from(data) : Float32Array.from(data),
  });
  const run = (weights: RunTensor, values: readonly Float64Array[]) =>
    session.run(
      new Map([
        ...values.map((data, index) => [`x${index}`, toTensor(data, opCase.shapes[index] ?? [])] as const),
        ['weight', weights] as const,
      ]),
    );

  const outputShape = y.shape.map(Number);
  const weights = toTensor(
    Array.from({ length: sizeOf(outputShape) }, () => 2 * random() - 1),
    outputShape,
  );
  const results = await run(weights, arrays);
  const forward = results.get('y') as RunTensor;
  expect(forward.shape).toEqual(outputShape);
  const tolerance = dtype === 'float64' ? 1e-6 : 2e-2;
  const reference = opCase.reference(...arrays);
  expect(reference.length, 'elements of the reference').toBe(forward.data.length);
  expectClose('forward', forward.data, reference, dtype === 'float64' ? 1e-10 : 1e-5);

  const step = dtype === 'float64' ? 1e-5 : 1e-2;
  for (const [index, array] of arrays.entries()) {
    const expected = new Float64Array(array.length);
    for (let element = 0; element < array.length; element++) {
      const at = async (offset: number): Promise<number> => {
        const moved = arrays.map((other) => other.slice());
        (moved[index] as Float64Array)[element] = (array[element] as number) + offset;
        return Number((await run(weights, moved)).get('loss')?.data[0]);
      };
      expected[element] = ((await at(step)) - (await at(-step))) / (2 * step);
    }
    const gradient = results.get(`g${index}`) as RunTensor;
    expect(gradient.shape).toEqual(opCase.shapes[index]);
    expectClose(`gradient of input ${index}`, gradient.data, expected, tolerance);
  }
  await session.dispose();
}

function expectClose(
  what: string,
  actual: ArrayLike<number | bigint>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  let scale = 1;
  for (let i = 0; i < expected.length; i++) scale = Math.max(scale, Math.abs(expected[i] as number));
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(Number(actual[i]) - (expected[i] as number));
    if (!(difference <= tolerance * scale)) {
      throw new Error(`${what}: element ${i} must be ${expected[i]}, got ${actual[i]}`);
    }
  }
}
