import { formatBytes, formatDuration } from '../../shared/text/amounts.ts';
import type { DemoPlan } from './plan.ts';
import { resultsTable } from './results.ts';
import type { AgentReport } from './round.ts';
import type { DemoReport } from './run-demo.ts';
import { formatTable, type TextTable } from './table.ts';

/**
 * A report for people: the scores, what travelled and how long everything took, and how to use the
 * fused model.
 *
 * @param color whether the terminal shows bold
 */
export function describeReport(report: DemoReport, plan: DemoPlan, color: boolean): string {
  const { results, round, paths, task, scoringSeconds } = report;
  const fused = paths.agents[0]?.fused ?? '';
  const unseen = results.outOfDomain.length > 0 ? `; unseen: ${results.outOfDomain.join(', ')}` : '';
  return [
    `${plan.measure} in percent on ${plan.sizes.test} test rows per domain${unseen}`,
    '',
    ...formatTable(resultsTable(results), color),
    '',
    ...formatTable(agentsTable(round.agents), color),
    '',
    `round ${formatDuration(round.seconds)}, of which merging ${formatDuration(round.mergeSeconds)}; ` +
      `scoring ${formatDuration(scoringSeconds)}`,
    'What travelled: weights, Gram matrices, counts and label names. Texts and labels stayed in each agent’s folder.',
    '',
    `The fused model: ${fused}`,
    'Use it:',
    `  npx regmean evaluate --model ${fused} --task ${task} --data ${paths.agents[0]?.data.test}`,
    `Every number above: ${paths.results}`,
    '',
  ].join('\n');
}

function agentsTable(agents: readonly AgentReport[]): TextTable {
  return {
    labelHeader: 'agent',
    columns: ['fine-tuning', 'Grams', 'upload', 'waiting', 'sent', 'received'],
    groups: [
      agents.map(({ agent, seconds, bytesSent, bytesReceived }) => ({
        label: agent,
        cells: [
          ...[seconds.training, seconds.statistics, seconds.upload, seconds.wait].map(formatDuration),
          ...[bytesSent, bytesReceived].map(formatBytes),
        ],
      })),
    ],
  };
}
