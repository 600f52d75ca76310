/**
 * @file Every operator that is read into ops of ours. To add one: its rule in its family's file,
 *   and a line in the table there.
 */
import { isStandard, microsoftDomain } from '../nodes.ts';
import { activationOperators } from './activation.ts';
import { attentionOperators } from './attention.ts';
import { constantOperators } from './constants.ts';
import { convolutionOperators } from './convolution.ts';
import { einsum } from './einsum.ts';
import { elementwiseOperators } from './elementwise.ts';
import { matrixOperators } from './matrix.ts';
import { microsoftOperators } from './microsoft.ts';
import { normalizationOperators } from './normalization.ts';
import type { Operator, OperatorTable } from './operator.ts';
import { pieceOperators } from './pieces.ts';
import { placeOperators } from './places.ts';
import { reduceOperators } from './reduce.ts';
import { shapeOperators } from './shape.ts';

const operators: OperatorTable = {
  ...activationOperators,
  ...attentionOperators,
  ...constantOperators,
  ...convolutionOperators,
  ...elementwiseOperators,
  ...matrixOperators,
  ...normalizationOperators,
  ...pieceOperators,
  ...placeOperators,
  ...reduceOperators,
  ...shapeOperators,
  Einsum: einsum,
};

/** The rule for an operator; undefined where there is none. */
export function operatorFor(type: string, domain: string | undefined): Operator | undefined {
  const table = isStandard(domain) ? operators : domain === microsoftDomain ? microsoftOperators : {};
  return Object.hasOwn(table, type) ? table[type] : undefined;
}
