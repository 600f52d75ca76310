// Original file: proto/regmean/v1/round.proto


/**
 * What the columns of the agents' data are called, where their usual names do not say it. An agent
 * that knows better may read others.
 */
export interface DataHints {
  /**
   * The text.
   */
  'textColumn'?: (string);
  /**
   * The second text of a pair.
   */
  'pairColumn'?: (string);
  /**
   * The label; of text2text the target.
   */
  'labelColumn'?: (string);
  /**
   * For token-classification: the list of words.
   */
  'tokensColumn'?: (string);
  /**
   * For token-classification: the list of tags.
   */
  'tagsColumn'?: (string);
  '_textColumn'?: "textColumn";
  '_pairColumn'?: "pairColumn";
  '_labelColumn'?: "labelColumn";
  '_tokensColumn'?: "tokensColumn";
  '_tagsColumn'?: "tagsColumn";
}

/**
 * What the columns of the agents' data are called, where their usual names do not say it. An agent
 * that knows better may read others.
 */
export interface DataHints__Output {
  /**
   * The text.
   */
  'textColumn'?: (string);
  /**
   * The second text of a pair.
   */
  'pairColumn'?: (string);
  /**
   * The label; of text2text the target.
   */
  'labelColumn'?: (string);
  /**
   * For token-classification: the list of words.
   */
  'tokensColumn'?: (string);
  /**
   * For token-classification: the list of tags.
   */
  'tagsColumn'?: (string);
  '_textColumn'?: "textColumn";
  '_pairColumn'?: "pairColumn";
  '_labelColumn'?: "labelColumn";
  '_tokensColumn'?: "tokensColumn";
  '_tagsColumn'?: "tagsColumn";
}
