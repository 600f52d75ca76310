import { z } from './zod.ts';

/** A name that can stand in paths and on a command line. */
export const plainNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'must be letters, digits, dots, dashes and underscores, at most 64',
  );
