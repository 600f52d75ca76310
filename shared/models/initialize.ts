import { createRandom, deriveSeed, normal } from '../random.ts';
import { type FloatTensor, sizeOf } from '../tensor.ts';
import type { ParameterDeclaration } from './scope.ts';

/**
 * A new parameter. Its random stream follows from the seed and its name alone, so that the same
 * seed gives the same head everywhere, whatever else is initialised.
 */
export function initialTensor(
  name: string,
  declared: ParameterDeclaration,
  { initializerRange, seed }: { readonly initializerRange: number; readonly seed: number },
): FloatTensor {
  const shape = declared.value.shape.map(Number);
  const data = new Float32Array(sizeOf(shape));
  if (declared.initializer === 'ones') data.fill(1);
  if (declared.initializer === 'normal') {
    const random = createRandom(deriveSeed(seed, name));
    for (let i = 0; i < data.length; i++) data[i] = initializerRange * normal(random);
  }
  return { shape, data };
}
