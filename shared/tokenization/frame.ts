/**
 * @file What stands around the tokens of texts. Texts are tokenized without special tokens and then
 *   cut and framed here, as the library's post-processor does: its Node package takes no words, and
 *   up to 0.23.2 it gives the odd token of two very long texts to the shorter one.
 */
import type { Encoding, Tokenizer as NativeTokenizer } from 'tokenizers';
import { RegmeanError } from '../errors.ts';

/** The ids before, between and after one text or two, and the token type of each text. */
export interface Frame {
  /** One more list than there are texts. */
  readonly ids: readonly (readonly number[])[];
  /** The token types of those ids. */
  readonly types: readonly (readonly number[])[];
  /** The token type of each text's tokens. */
  readonly textTypes: readonly number[];
  /** How many tokens it adds. */
  readonly length: number;
}

/** The frames of a tokenizer. */
export interface Frames {
  readonly single: Frame;
  readonly pair: Frame;
}

/**
 * Reads the frames off what the post-processor makes of a text.
 *
 * @param where the tokenizer's file, for errors
 * @throws RegmeanError `unsupported` when no text gives a token
 */
export async function framesOf(
  native: NativeTokenizer,
  samples: readonly string[],
  where: string,
): Promise<Frames> {
  for (const sample of samples) {
    const encode = (): Promise<Encoding> => native.encode(sample, null, { addSpecialTokens: false });
    const [first, second] = [await encode(), await encode()];
    const own = first.getLength();
    if (own === 0) continue;
    return {
      single: frameOf(native.postProcess(first, null, true), own, 1),
      pair: frameOf(native.postProcess(first, second, true), own, 2),
    };
  }
  throw new RegmeanError(
    'unsupported',
    `${where}: must give a token for ${samples.map((sample) => `"${sample}"`).join(' or ')}, got none`,
  );
}

/** @param own how many tokens each of the texts has */
function frameOf(encoding: Encoding, own: number, texts: number): Frame {
  const [all, allTypes, special] = [
    encoding.getIds(),
    encoding.getTypeIds(),
    encoding.getSpecialTokensMask(),
  ];
  const ids: number[][] = [[]];
  const types: number[][] = [[]];
  const textTypes: number[] = [];
  let inText = 0;
  for (const [index, id] of all.entries()) {
    if (special[index] === 1) {
      ids.at(-1)?.push(id);
      types.at(-1)?.push(allTypes[index] ?? 0);
    } else if (inText++ % own === 0) {
      textTypes.push(allTypes[index] ?? 0);
      ids.push([]);
      types.push([]);
    }
  }
  return { ids, types, textTypes, length: all.length - texts * own };
}

/** Texts between what frames them. */
export interface Framed {
  readonly inputIds: Int32Array;
  readonly tokenTypeIds: Int32Array;
}

/** @param texts the ids of one text or two, as many as the frame has */
export function framed({ ids, types, textTypes }: Frame, texts: readonly (readonly number[])[]): Framed {
  const all: number[] = [...(ids[0] ?? [])];
  const allTypes: number[] = [...(types[0] ?? [])];
  for (const [index, text] of texts.entries()) {
    for (const id of text) all.push(id);
    for (const _ of text) allTypes.push(textTypes[index] ?? 0);
    all.push(...(ids[index + 1] ?? []));
    allTypes.push(...(types[index + 1] ?? []));
  }
  return { inputIds: Int32Array.from(all), tokenTypeIds: Int32Array.from(allTypes) };
}

/**
 * How many tokens of each text stay when all together may be `room`: of two, the shorter one stays
 * whole while it fits in half of the room ("longest first"); the odd token is the longer text's,
 * the second's where both are of one length.
 */
export function keptLengths(lengths: readonly number[], room: number): readonly number[] {
  const [first = 0, second] = lengths;
  const most = Math.max(0, room);
  if (second === undefined) return [Math.min(first, most)];
  if (first + second <= most) return lengths;
  const short = Math.min(first, second, Math.floor(most / 2));
  return first > second ? [most - short, short] : [short, most - short];
}
