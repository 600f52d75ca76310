import { gramLayers } from '../../shared/contribution/gram-layers.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { toolVersion } from '../../shared/files/tool-version.ts';
import type { LayerIndex } from '../../shared/models/layer-index.ts';
import { headClasses, type UnitedLabels } from '../heads/label-spaces.ts';
import type { AveragedLayer, LayerGroupReport, MergeStep } from '../methods/merge-step.ts';
import type { HeadPlan } from './head-plan.ts';
import type { ResolvedMergeOptions } from './merge-options.ts';
import type { ChoiceReport, MergedAgentReport, MergeReport, SearchReport } from './merge-report.ts';
import type { AllowedDifference } from './same-function.ts';

/** What is reported of a merge. */
export interface FinishedMerge {
  readonly options: ResolvedMergeOptions;
  readonly contributions: readonly Contribution[];
  /** One per contribution. */
  readonly coefficients: readonly number[];
  readonly heads: HeadPlan;
  readonly merged: readonly string[];
  readonly excluded: readonly string[];
  readonly steps: readonly MergeStep[];
  readonly groups: readonly LayerGroupReport[];
  readonly files: MergeReport['files'];
  readonly search: SearchReport | null;
  readonly choice: ChoiceReport | null;
  /** The models' linear layers, where the method solves for them and they are known. */
  readonly layers: LayerIndex | null;
  readonly differences: readonly AllowedDifference[];
  readonly adapter: MergeReport['adapter'];
}

/** The report of a merge. */
export function makeReport(merge: FinishedMerge): MergeReport {
  const { options, contributions, coefficients, merged, excluded, steps, groups, files, search } = merge;
  const { prepared, heads, coefficientScale, scale } = options;
  const { united } = merge.heads;
  const countOf = (counts: (step: MergeStep) => boolean | undefined): number =>
    new Set(steps.flatMap((step) => (counts(step) ? step.parameters : []))).size;
  const solvedAlone = countOf(({ isSolved }) => isSolved);
  const solved = new Set(groups.flatMap(({ layers }) => layers)).size + solvedAlone;
  const combined = countOf(({ isCombined }) => isCombined);
  const known = <T>(property: (contribution: Contribution) => T | undefined): T | null =>
    contributions.map(property).find((value) => value !== undefined) ?? null;
  return {
    format: 'regmean-merge/1',
    tool: toolVersion,
    method: options.method.name,
    options: prepared.settings,
    ...namedOptions(prepared.settings),
    coefficientScale,
    scale,
    heads,
    baseFingerprint: known(({ manifest }) => manifest?.baseFingerprint),
    task: heads === 'separate' ? null : known(({ manifest }) => manifest?.task),
    labels: heads === 'separate' ? null : (united?.names ?? known(headClasses)),
    classes: united === null ? null : describeClasses(united, contributions),
    agents: contributions.map((contribution, index) =>
      reportAgent(contribution, coefficients[index] as number),
    ),
    search,
    choice: merge.choice,
    parameters: {
      solved,
      combined,
      averaged: merged.length - solved - combined,
      excluded,
      patterns: patternsOf(options),
      averagedLayers: averagedLayersOf(steps),
      unusedGrams: unusedGramsOf(merge),
    },
    adapter: merge.adapter,
    allowedDifferences: merge.differences,
    groups,
    memory: largestOf(steps),
    files,
  };
}

/** The options that the report has keys for, beside `options`, where all of them are. */
function namedOptions({
  alpha,
  ridge,
  gramScale,
  fisherSmoothing,
  fisherNormalize,
}: Readonly<Record<string, unknown>>): Pick<MergeReport, 'alpha' | 'ridge' | 'gramScale' | 'fisher'> {
  const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);
  const smoothing = number(fisherSmoothing);
  return {
    alpha: number(alpha),
    ridge: number(ridge),
    gramScale: gramScale === undefined ? null : String(gramScale),
    fisher: smoothing === null ? null : { smoothing, normalize: String(fisherNormalize) },
  };
}

/** The linear layers that are averaged, each once: those of heads come once per set of classes. */
function averagedLayersOf(steps: readonly MergeStep[]): readonly AveragedLayer[] {
  const found = steps.flatMap(({ averaged }) => averaged ?? []);
  return [...new Map(found.map((own) => [own.layer, own])).values()];
}

/** Modules that have Grams and are no layers of the models. */
function unusedGramsOf({ options, contributions, layers }: FinishedMerge): readonly string[] {
  if (!options.prepared.needs.includes('grams')) return [];
  const unused = contributions.flatMap(({ grams, weights: { tensors } }) => {
    if (grams === undefined) return [];
    const { strangers, weights } = gramLayers(grams, layers);
    const hasNoWeight = [...weights].filter(([, { parameter }]) => !tensors.has(parameter));
    return [...strangers, ...hasNoWeight.map(([module]) => module)];
  });
  return [...new Set(unused)];
}

function largestOf(steps: readonly MergeStep[]): MergeReport['memory'] {
  const largest = steps.reduce<MergeStep | undefined>(
    (most, step) => (most === undefined || step.bytes > most.bytes ? step : most),
    undefined,
  );
  return { step: largest?.name ?? '', bytes: largest?.bytes ?? 0 };
}

/** Classes that not all agents know, and who does; null when all know all. */
function describeClasses(
  { names, rows }: UnitedLabels,
  contributions: readonly Contribution[],
): Readonly<Record<string, readonly string[]>> | null {
  const partial = names.flatMap((name, id): [string, string[]][] => {
    const ofClass = rows[id] ?? [];
    if (ofClass.every((row) => row !== null)) return [];
    return [[name, contributions.flatMap(({ agent }, index) => (ofClass[index] === null ? [] : [agent]))]];
  });
  return partial.length === 0 ? null : Object.fromEntries(partial);
}

function patternsOf({
  include,
  exclude,
  average,
}: ResolvedMergeOptions): MergeReport['parameters']['patterns'] {
  const sources = (patterns: readonly RegExp[]): string[] => patterns.map(({ source }) => source);
  return { include: sources(include), exclude: sources(exclude), average: sources(average) };
}

function reportAgent({ agent, manifest, grams }: Contribution, coefficient: number): MergedAgentReport {
  const rows = [...(grams?.grams.values() ?? [])].flatMap((gram) => gram.rows ?? []);
  return {
    agent,
    coefficient,
    rows: rows.length === 0 ? null : { min: Math.min(...rows), max: Math.max(...rows) },
    inputsFrom: manifest?.statistics?.inputsFrom ?? null,
    trainingExamples: manifest?.trainingExamples ?? null,
    metrics: manifest?.metrics ?? {},
  };
}
