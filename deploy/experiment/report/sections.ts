/** @file The parts of a report, those that an experiment has measurements for. */
import type { ExperimentResults } from '../results.ts';
import { allTable } from './all-table.ts';
import { choicesSection } from './choices.ts';
import { agentsSection, greedySection, sweepSections } from './curves.ts';
import { findings } from './findings.ts';
import { matchingSection } from './matching.ts';
import { modelsSection } from './models.ts';
import { pairsSection } from './pairs.ts';
import type { Section } from './section.ts';

/** All sections of a report, in order. */
export function sectionsOf(results: ExperimentResults): readonly Section[] {
  const all = allTable(results);
  const sections = [
    all === null ? null : { title: 'All agents', sentences: findings(results), tables: [all], charts: [] },
    choicesSection(results),
    modelsSection(results),
    pairsSection(results),
    greedySection(results),
    agentsSection(results),
    ...sweepSections(results),
    matchingSection(results),
  ].filter((section) => section !== null);
  if (sections.length > 0) return sections;
  return [{ title: 'Results', sentences: ['Nothing was measured.'], tables: [], charts: [] }];
}

/** What a report says first while seeds are missing; null once all are measured. */
export function interimNote({ seeds, plannedSeeds }: ExperimentResults): string | null {
  if (seeds.length >= plannedSeeds.length) return null;
  const missing = plannedSeeds.filter((seed) => !seeds.includes(seed));
  return (
    `Interim report: ${seeds.length} of ${plannedSeeds.length} seeds are measured, ` +
    `seed${missing.length === 1 ? '' : 's'} ${missing.join(', ')} not yet. Numbers will change.`
  );
}

/** How the numbers came to be, as lines of a list. */
export function provenance(results: ExperimentResults): readonly string[] {
  const { seeds, trainingExamples, testSets, settings, tool } = results;
  const examples = Object.entries(trainingExamples).map(([agent, count]) => `${agent} ${count}`);
  const sets = testSets.map(({ name, metric, examples: count }) => `${name} (${metric}, ${count} examples)`);
  return [
    `Seeds: ${seeds.join(', ')}; each repeats data split, head and training. ± is one standard deviation over seeds.`,
    `Training examples: ${examples.join(', ')}.`,
    `Test sets: ${sets.join(', ')}.`,
    ...Object.entries(settings).map(
      ([name, value]) => `${name[0]?.toUpperCase()}${name.slice(1)}: ${value}.`,
    ),
    `Made with ${tool}.`,
  ];
}
