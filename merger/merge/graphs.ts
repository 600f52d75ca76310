/**
 * @file Contributions whose network is an ONNX graph: the graphs must be the same, and the fused
 *   model has it too.
 */
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { graphDifference, readGraph } from '../../shared/onnx/compare-graphs.ts';
import { onnxFile, onnxModelType } from '../../shared/onnx/open-onnx.ts';

/** Whether a contribution's network is an ONNX graph. */
export function hasGraph({ config }: Contribution): boolean {
  return config.model_type === onnxModelType;
}

/**
 * Checks that contributions with ONNX graphs have the same one.
 *
 * @throws RegmeanError `invalid-input`, naming the agents and the first difference
 */
export async function requireSameGraphs(contributions: readonly Contribution[]): Promise<void> {
  const [first, ...others] = contributions.filter(hasGraph);
  if (first === undefined) return;
  const graph = await readGraph(first.folder);
  for (const other of others) {
    const difference = graphDifference(graph, await readGraph(other.folder));
    if (difference === null) continue;
    throw new RegmeanError(
      'invalid-input',
      `${onnxFile}: graphs must be the same, ${first.agent} and ${other.agent} differ in ${difference}`,
    );
  }
}
