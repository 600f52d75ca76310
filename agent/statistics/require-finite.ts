import { RegmeanError } from '../../shared/errors.ts';
import { firstNotFinite } from '../../shared/tensor.ts';

/**
 * Checks what was collected.
 *
 * @param what names it in the error
 * @throws RegmeanError `numerical` for values that are not finite
 */
export function requireFinite(what: string, values: Float32Array | Float64Array): void {
  const bad = firstNotFinite(values);
  if (bad < 0) return;
  throw new RegmeanError('numerical', `${what} must be finite, got ${values[bad]}`, {
    hint: 'the model overflows on this data: check its weights',
  });
}
