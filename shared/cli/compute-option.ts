import { Option } from 'commander';
import { positiveInteger } from './arguments.ts';

/** The option that says what to compute with; `commandContext` makes a `Compute` of it. */
export function threadsOption(): Option {
  return new Option('--threads <n>', 'threads to compute with (default: one per core)').argParser(
    positiveInteger,
  );
}
