/** A request as callers may write it: what has a default may be left out. */
export type WithDefaults<Options, Defaulted extends keyof Options> = Omit<Options, Defaulted> &
  Partial<Pick<Options, Defaulted>>;
