import type { Progress, RunContext } from '../../shared/runtime/run-context.ts';

/**
 * Callbacks that show the progress of a transfer, which may begin again after a lost connection.
 */
export function transferProgress(
  label: string,
  context: Pick<RunContext, 'progress'>,
): {
  readonly onStart: (present: number, total: number) => void;
  readonly onBytes: (done: number) => void;
  readonly finish: (remark?: string) => void;
} {
  let progress: Progress | undefined;
  return {
    onStart(present, total) {
      const shown = present > 0 ? `${label} (resumed)` : label;
      progress = context.progress({ label: shown, total, unit: 'bytes', initial: present });
    },
    onBytes: (done) => progress?.update(done),
    finish: (remark) => progress?.finish(remark),
  };
}
