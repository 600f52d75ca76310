import type { FloatTensor } from '../../shared/tensor.ts';

/**
 * Sets position embeddings to sines and cosines of geometrically growing wavelengths (Vaswani et
 * al., 2017), scaled to the standard deviation of the other embeddings. Neighbouring positions then
 * differ by the same rotation everywhere, so that attention to neighbours is learned once, and the
 * loss leaves its first plateau early.
 *
 * @param table [positions, hiddenSize], changed in place
 */
export function setSinusoidalPositions(table: FloatTensor, standardDeviation: number): void {
  const [positions = 0, width = 0] = table.shape;
  const amplitude = standardDeviation * Math.SQRT2;
  for (let position = 0; position < positions; position++) {
    for (let pair = 0; pair < width / 2; pair++) {
      const angle = position / 10_000 ** ((2 * pair) / width);
      table.data[position * width + 2 * pair] = amplitude * Math.sin(angle);
      table.data[position * width + 2 * pair + 1] = amplitude * Math.cos(angle);
    }
  }
}
