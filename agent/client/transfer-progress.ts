import { type Progress, startProgress } from '../../shared/cli/progress.ts';

/**
 * Callbacks that show the progress of a transfer, which may begin again after a lost connection.
 */
export function transferProgress(label: string): {
  readonly onStart: (present: number, total: number) => void;
  readonly onBytes: (done: number) => void;
  readonly finish: (remark?: string) => void;
} {
  let progress: Progress | undefined;
  return {
    onStart(present, total) {
      const shown = present > 0 ? `${label} (resumed)` : label;
      progress = startProgress({ label: shown, total, unit: 'bytes', initial: present });
    },
    onBytes: (done) => progress?.update(done),
    finish: (remark) => progress?.finish(remark),
  };
}
