// Original file: proto/regmean/v1/contribution.proto


/**
 * The contribution is stored and will not be lost.
 */
export interface ContributionStored {
  /**
   * SHA-256 over the sorted lines "name size sha256\n" of the manifest's files; identifies the
   * contribution.
   */
  'digest'?: (string);
  /**
   * True when the same contribution had been stored before: nothing was sent or changed now.
   */
  'alreadyStored'?: (boolean);
}

/**
 * The contribution is stored and will not be lost.
 */
export interface ContributionStored__Output {
  /**
   * SHA-256 over the sorted lines "name size sha256\n" of the manifest's files; identifies the
   * contribution.
   */
  'digest': (string);
  /**
   * True when the same contribution had been stored before: nothing was sent or changed now.
   */
  'alreadyStored': (boolean);
}
