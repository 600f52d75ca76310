import { RegmeanError } from '../errors.ts';
import { type Step, sequence } from './tokenizer-class.ts';

/** The most repetitions that a pattern of the library can ask for. */
const maxRepeats = 100_000;

/**
 * A decoder whose Strip steps that take characters off the end of a token are written as patterns.
 * For a token of nothing but those characters the library's own step counts past its beginning, and
 * ends the process. It goes by the fields of a step where it does not know the type.
 *
 * @param where the file, named in errors
 * @throws RegmeanError `invalid-input` for such a step of another type
 */
export function withoutEndStrips(decoder: Step | null, where: string): Step | null {
  if (decoder === null) return null;
  if (Array.isArray(decoder.decoders)) {
    return {
      ...decoder,
      decoders: decoder.decoders.map((step) => (isStep(step) ? withoutEndStrips(step, where) : step)),
    };
  }
  const { type, content, start, stop } = decoder;
  if (!isCount(start) || !isCount(stop) || stop === 0) return decoder;
  if (typeof content !== 'string' || [...content].length !== 1) return decoder;
  if (type !== 'Strip') {
    throw new RegmeanError(
      'invalid-input',
      `${where}: decoder: the type of a step with content, start and stop must be "Strip", got ${JSON.stringify(type)}`,
    );
  }
  const character = `\\x{${content.codePointAt(0)?.toString(16)}}`;
  const upTo = (count: number): string => `${character}{0,${Math.min(count, maxRepeats)}}`;
  return sequence('decoders', removing(`\\A${upTo(start)}`), removing(`${upTo(stop)}\\z`));
}

function removing(pattern: string): Step {
  return { type: 'Replace', pattern: { Regex: pattern }, content: '' };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

function isStep(value: unknown): value is Step {
  return typeof value === 'object' && value !== null;
}
