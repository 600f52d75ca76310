/** @file Values that are no numbers: no method may make numbers of them. */
import { RegmeanError } from '../../shared/errors.ts';
import { firstNotFinite } from '../../shared/tensor.ts';

/** Whether all values are finite. */
export function allFinite(data: Float32Array | Float64Array): boolean {
  return firstNotFinite(data) < 0;
}

/** Somebody's weights are not finite. */
export function notFinite(whose: string, parameter: string): RegmeanError {
  return new RegmeanError('invalid-input', `${whose}: parameter ${parameter} must be finite, is not`);
}
