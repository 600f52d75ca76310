/**
 * @file Every op of the graph, by family. To add one: its family's file, and a case in the ops'
 *   gradient tests.
 */
export * from './activation.ts';
export * from './convolution.ts';
export * from './dropout.ts';
export * from './elementwise.ts';
export * from './indexing.ts';
export * from './matrix.ts';
export * from './normalization.ts';
export { padAxis, shift } from './padding.ts';
export * from './reduce.ts';
export {
  cast,
  concat,
  expandLike,
  reshape,
  reshapeLike,
  runTimeSize,
  slice,
  transpose,
  transposeLast,
  unsqueeze,
  zerosLike,
} from './shape.ts';
export * from './stated-shape.ts';
