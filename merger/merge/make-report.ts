import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { toolVersion } from '../../shared/files/tool-version.ts';
import type { HeadPlan } from '../heads/head-plan.ts';
import { labelsOf, type UnitedLabels } from '../heads/label-spaces.ts';
import type { ResolvedMergeOptions } from './merge-options.ts';
import type { LayerGroupReport, MergedAgentReport, MergeReport, SearchReport } from './merge-report.ts';

/** The report of a merge. */
export function makeReport(
  options: ResolvedMergeOptions,
  contributions: readonly Contribution[],
  { united }: HeadPlan,
  merged: readonly string[],
  excluded: readonly string[],
  groups: readonly LayerGroupReport[],
  files: MergeReport['files'],
  search: SearchReport | null,
): MergeReport {
  const { method, alpha, ridge, gramScale, coefficients, heads, fisherSmoothing, fisherNormalize } = options;
  const solved = new Set(groups.flatMap(({ layers }) => layers)).size;
  const known = <T>(property: (contribution: Contribution) => T | undefined): T | null =>
    contributions.map(property).find((value) => value !== undefined) ?? null;
  return {
    format: 'regmean-merge/1',
    tool: toolVersion,
    method,
    alpha: method === 'regmean' ? alpha : null,
    ridge: method === 'regmean' ? ridge : null,
    gramScale: method === 'regmean' ? gramScale : null,
    fisher: method === 'fisher' ? { smoothing: fisherSmoothing, normalize: fisherNormalize } : null,
    heads,
    baseFingerprint: known(({ manifest }) => manifest?.baseFingerprint),
    task: heads === 'separate' ? null : known(({ manifest }) => manifest?.task),
    labels: heads === 'separate' ? null : (united?.names ?? known(labelsOf)),
    classes: united === null ? null : describeClasses(united, contributions),
    agents: contributions.map((contribution, index) =>
      reportAgent(contribution, coefficients[index] as number),
    ),
    search,
    parameters: {
      solved,
      averaged: merged.length - solved,
      excluded,
      patterns: patternsOf(options),
    },
    groups,
    files,
  };
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
    trainingExamples: manifest?.trainingExamples ?? null,
    metrics: manifest?.metrics ?? {},
  };
}
