/** @file Contributions can be merged when they are the same model, fine-tuned from the same base for the same labels. */

import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { isFloatDtype } from '../../shared/safetensors/dtype.ts';
import { formatShape, sameShape } from '../../shared/tensor.ts';

/**
 * Names of the floating point parameters that all contributions have with equal shapes, in the order of the first.
 *
 * @throws RegmeanError `invalid-input` when base, task, labels, agents' names, parameters or shapes do not fit, naming
 *   the agents and what differs
 */
export function requireCompatible(contributions: readonly Contribution[]): readonly string[] {
  const [first, ...others] = contributions;
  if (first === undefined) return [];
  requireDistinctAgents(contributions);
  for (const other of others) {
    requireSame('base fingerprint', first, other, ({ manifest }) => manifest?.baseFingerprint);
    requireSame('model type', first, other, ({ config }) => config.model_type);
    requireSame('task', first, other, ({ manifest }) => manifest?.task);
    requireSame('labels', first, other, labelsOf, 'models with different label sets cannot be merged yet');
    requireSameParameters(first, other);
  }
  return parametersOf(first);
}

function parametersOf({ weights }: Contribution): readonly string[] {
  return [...weights.tensors].filter(([, { dtype }]) => isFloatDtype(dtype)).map(([name]) => name);
}

function labelsOf({ manifest, labels }: Contribution): string | undefined {
  const known = manifest?.labels ?? labels;
  return known === undefined ? undefined : known.join(', ');
}

/** Compares a property that may be unknown for folders made elsewhere. */
function requireSame(
  what: string,
  first: Contribution,
  other: Contribution,
  property: (contribution: Contribution) => string | undefined,
  hint?: string,
): void {
  const [a, b] = [property(first), property(other)];
  if (a === undefined || b === undefined || a === b) return;
  const message = `${what}: must be the same, ${first.agent} has ${a}, ${other.agent} has ${b}`;
  throw new RegmeanError('invalid-input', message, hint === undefined ? {} : { hint });
}

function requireSameParameters(first: Contribution, other: Contribution): void {
  const missing = (name: string, here: Contribution, there: Contribution): RegmeanError =>
    new RegmeanError('invalid-input', `parameter ${name}: ${here.agent} has it, ${there.agent} not`);
  for (const name of parametersOf(first)) {
    const ours = first.weights.tensors.get(name)?.shape ?? [];
    const theirs = other.weights.tensors.get(name);
    if (theirs === undefined) throw missing(name, first, other);
    if (sameShape(ours, theirs.shape)) continue;
    const shapes = `${first.agent} has ${formatShape(ours)}, ${other.agent} has ${formatShape(theirs.shape)}`;
    throw new RegmeanError('invalid-input', `parameter ${name}: shapes must be equal, ${shapes}`);
  }
  for (const name of parametersOf(other)) {
    if (!first.weights.tensors.has(name)) throw missing(name, other, first);
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
