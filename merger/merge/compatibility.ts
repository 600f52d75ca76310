/**
 * @file Contributions can be merged when they are the same model, fine-tuned from the same base.
 */

import { otherVersionHint } from '../../shared/contribution/base-identity.ts';
import { classParameters, contributionTask } from '../../shared/contribution/contribution-layers.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { isFloatDtype } from '../../shared/safetensors/dtype.ts';
import { formatShape, sameShape } from '../../shared/tensor.ts';
import { headParameters } from '../heads/head-parameters.ts';
import type { HeadMerging } from '../methods/common-options.ts';

/**
 * Names of the floating point parameters that all contributions have with equal shapes, in the
 * order of the first; where agents keep heads of their own, those of the encoder.
 *
 * @param classRows parameters whose first dimension counts classes and may differ
 * @throws RegmeanError `invalid-input` when base, parameters, shapes or agents' names do not fit,
 *   naming the agents and what differs
 */
export function requireCompatible(
  contributions: readonly Contribution[],
  heads: HeadMerging,
  classRows: ReadonlySet<string>,
): readonly string[] {
  const [first, ...others] = contributions;
  if (first === undefined) return [];
  requireDistinctAgents(contributions);
  const partOf = (contribution: Contribution): readonly string[] => {
    if (heads === 'united') return mergedParameters(contribution);
    const own = headParameters(contribution);
    return mergedParameters(contribution).filter((name) => !own.has(name));
  };
  const parameters = partOf(first);
  for (const other of others) {
    const hint = [first, other].map(otherVersion).find((own) => own !== null);
    requireSame('base fingerprint', first, other, ({ manifest }) => manifest?.baseFingerprint, hint);
    requireSame('model type', first, other, ({ config }) => config.model_type);
    requireSameParameters(first, other, parameters, partOf(other), classRows);
  }
  return parameters;
}

/**
 * Checks that contributions have one task.
 *
 * @throws RegmeanError `invalid-input`
 */
export function requireOneTask([first, ...others]: readonly Contribution[]): void {
  for (const other of first === undefined ? [] : others) {
    const hint = 'with --heads separate the encoder is merged and every agent keeps its own head';
    requireSame('task', first as Contribution, other, ({ manifest }) => manifest?.task, hint);
  }
}

/**
 * Names of the parameters of a contribution: those of its class; of a family that is not known its
 * floating point tensors.
 *
 * @throws RegmeanError `invalid-input` naming a parameter that is missing
 */
export function mergedParameters(contribution: Contribution): readonly string[] {
  const { agent, model, weights } = contribution;
  const own = classParameters(contribution);
  if (own === null) {
    return [...weights.tensors].filter(([, { dtype }]) => isFloatDtype(dtype)).map(([name]) => name);
  }
  const missing = [...own].find((name) => !weights.tensors.has(name));
  if (missing === undefined) return [...own];
  const className = model.className(contributionTask(contribution));
  throw new RegmeanError('invalid-input', `${agent}: parameter ${missing} of ${className} is missing`);
}

/** Compares a property that may be unknown for folders made elsewhere. */
function requireSame(
  what: string,
  first: Contribution,
  other: Contribution,
  property: (contribution: Contribution) => string | undefined,
  hint?: string | null,
): void {
  const [a, b] = [property(first), property(other)];
  if (a === undefined || b === undefined || a === b) return;
  const message = `${what}: must be the same, ${first.agent} has ${a}, ${other.agent} has ${b}`;
  throw new RegmeanError('invalid-input', message, hint ? { hint } : {});
}

/** What to do about a contribution of another version of this program. */
function otherVersion({ agent, manifest }: Contribution): string | null {
  return manifest === undefined ? null : otherVersionHint(agent, manifest);
}

function requireSameParameters(
  first: Contribution,
  other: Contribution,
  parameters: readonly string[],
  otherParameters: readonly string[],
  classRows: ReadonlySet<string>,
): void {
  const missing = (name: string, here: Contribution, there: Contribution): RegmeanError =>
    new RegmeanError('invalid-input', `parameter ${name}: ${here.agent} has it, ${there.agent} not`);
  for (const name of parameters) {
    const ours = first.weights.tensors.get(name)?.shape ?? [];
    const theirs = other.weights.tensors.get(name);
    if (theirs === undefined) throw missing(name, first, other);
    const skipped = classRows.has(name) ? 1 : 0;
    if (sameShape(ours.slice(skipped), theirs.shape.slice(skipped))) continue;
    const shapes = `${first.agent} has ${formatShape(ours)}, ${other.agent} has ${formatShape(theirs.shape)}`;
    throw new RegmeanError('invalid-input', `parameter ${name}: shapes must be equal, ${shapes}`);
  }
  for (const name of otherParameters) {
    if (!parameters.includes(name)) throw missing(name, other, first);
  }
}

function requireDistinctAgents(contributions: readonly Contribution[]): void {
  const folders = new Map<string, string>();
  for (const { agent, folder } of contributions) {
    const known = folders.get(agent);
    if (known !== undefined) {
      throw new RegmeanError(
        'usage',
        `contributions: agents must differ, ${agent} is ${known} and ${folder}`,
        {
          hint: 'folders without contribution.json are named after the folder',
        },
      );
    }
    folders.set(agent, folder);
  }
}
