/** The tokens of one input, special tokens included. */
export interface TokenEncoding {
  readonly inputIds: Int32Array;
  readonly tokenTypeIds: Int32Array;
  /** First token of each word, -1 for none; null for texts. */
  readonly wordPositions: Int32Array | null;
  /** Whether tokens were cut off to keep to the maximum length. */
  readonly truncated: boolean;
}
