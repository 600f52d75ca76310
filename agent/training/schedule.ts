/** How a learning rate rises and falls. */
export interface LinearSchedule {
  readonly totalSteps: number;
  readonly warmupRatio: number;
  readonly peak: number;
}

/**
 * The learning rate of a step: linear from 0 to `peak` over the warm-up, then linear to 0 at the
 * end (paper, Appendix B: warm-up over the first 6 % of steps).
 *
 * @param step counted from 0
 */
export function linearSchedule(step: number, { totalSteps, warmupRatio, peak }: LinearSchedule): number {
  const warmupSteps = Math.ceil(totalSteps * warmupRatio);
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  return (peak * (totalSteps - step)) / Math.max(1, totalSteps - warmupSteps);
}
