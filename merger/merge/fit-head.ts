/** @file A merged model with a head that is fitted to the data of all agents, by their sums. */
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type HeadStatistics, readHeadStatistics } from '../../shared/contribution/head-statistics.ts';
import { describeFiles } from '../../shared/contribution/write-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { writeFolderAtomically } from '../../shared/files/atomic-folder.ts';
import type { OpenModel } from '../../shared/formats/model-format.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import { createGemm } from '../../shared/linalg/gemm.ts';
import { transpose } from '../../shared/linalg/matrix.ts';
import type { LinearLayer } from '../../shared/models/linear-layers.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { weightsFile } from '../../shared/safetensors/model-weights.ts';
import { openSafetensors } from '../../shared/safetensors/open-safetensors.ts';
import { fillSafetensors } from '../../shared/safetensors/write-safetensors.ts';
import { headsFolder } from '../../shared/wire/agent-models.ts';
import { fitRidgeHead, type RidgeHead } from '../heads/ridge-head.ts';
import { holdsEarlierMerge, writeReport } from './merge-contributions.ts';
import { type HeadReport, type MergeReport, mergeReportFile } from './merge-report.ts';

/** What a head is fitted to. */
export interface FitHeadOptions {
  /** The merged model that the statistics were collected in. */
  readonly model: string;
  /** Files of agents' statistics. */
  readonly statistics: readonly string[];
  /** The folder to write. */
  readonly out: string;
  /** Added to the diagonal of the summed X^T X; see ridge-head.ts. */
  readonly ridge: number;
}

/**
 * Writes a model folder that is a merged model with another head, fitted to the data of all agents.
 * All other weights are the same bytes.
 *
 * @returns what is reported of the head; merge-report.json holds it too
 * @throws RegmeanError when statistics are of another model, or do not fit together
 */
export async function fitHead(
  { model: path, statistics: paths, out, ridge }: FitHeadOptions,
  context: RunContext,
): Promise<HeadReport> {
  const replace = await holdsEarlierMerge(out);
  return withModel(path, async (model) => {
    await requireOneHead(model);
    const all: HeadStatistics[] = [];
    for (const own of paths) all.push(await readHeadStatistics(own));
    const [first, ...others] = all;
    if (first === undefined) throw new RegmeanError('usage', 'head: needs statistics of at least one agent');
    await requireTogether(model, paths, [first, ...others]);
    const layer = await layerOf(model, first);
    const gemm = createGemm(context.compute);
    try {
      const head = await fitRidgeHead(gemm, [first, ...others], { ridge, hasBias: layer.bias !== null });
      const report = reportOf([first, ...others], ridge, head);
      await writeFolderAtomically(out, (folder) => writeWithHead(folder, model, layer, head, report), {
        replace,
      });
      return report;
    } finally {
      await gemm.dispose();
    }
  });
}

async function requireOneHead({ folder, kinds }: OpenModel): Promise<void> {
  const names = await readdir(folder);
  if (names.includes(headsFolder)) {
    throw new RegmeanError(
      'usage',
      `${folder}: must have one head, holds one for each agent in ${headsFolder}`,
    );
  }
  if (names.includes(weightsFile)) return;
  throw new RegmeanError('unsupported', `${folder}: must hold ${weightsFile}, as merged ${kinds} do`);
}

/**
 * Checks statistics of an agent before they are kept: that they are of a model, and fit it.
 *
 * @param path of the model
 * @throws RegmeanError naming the file and the rule
 */
export async function checkHeadStatistics(
  path: string,
  file: string,
  wanted: Pick<HeadStatistics, 'agent' | 'task' | 'classes'>,
): Promise<void> {
  const own = await readHeadStatistics(file);
  for (const key of ['agent', 'task', 'classes'] as const) {
    const [got, expected] = [JSON.stringify(own[key]), JSON.stringify(wanted[key])];
    if (got !== expected)
      throw new RegmeanError('refused', `${file}: ${key} must be ${expected}, got ${got}`);
  }
  await withModel(path, async (model) => {
    await requireTogether(model, [file], [own]);
    const { inputs, outputs } = await layerOf(model, own);
    if (own.inputs === inputs && own.outputs === outputs) return;
    const got = `${own.inputs} and ${own.outputs}`;
    throw new RegmeanError(
      'refused',
      `${file}: ${own.layer} must have ${inputs} inputs and ${outputs} outputs, got ${got}`,
    );
  });
}

async function requireTogether(
  model: OpenModel,
  paths: readonly string[],
  statistics: readonly [HeadStatistics, ...HeadStatistics[]],
): Promise<void> {
  const fingerprint = await model.fingerprint();
  const [first] = statistics;
  for (const [index, own] of statistics.entries()) {
    const path = paths[index] as string;
    if (own.model !== fingerprint) {
      throw new RegmeanError(
        'invalid-input',
        `${path}: must be of the model ${model.path} (${fingerprint}), is of ${own.model}`,
        { hint: 'collect them in this model with: regmean head-stats' },
      );
    }
    for (const key of ['task', 'classes', 'layer', 'inputs', 'outputs'] as const) {
      const [got, wanted] = [JSON.stringify(own[key]), JSON.stringify(first[key])];
      if (got === wanted) continue;
      throw new RegmeanError(
        'invalid-input',
        `${path}: ${key} must be ${wanted} as in ${paths[0]}, got ${got}`,
      );
    }
  }
  const twice = statistics.find(
    ({ agent }, index) => statistics.findIndex((own) => own.agent === agent) < index,
  );
  if (twice === undefined) return;
  throw new RegmeanError('invalid-input', `head: agents must differ, got ${twice.agent} twice`, {
    hint: 'name agents with: regmean head-stats --agent',
  });
}

async function layerOf(model: OpenModel, { task, classes, layer }: HeadStatistics): Promise<LinearLayer> {
  const all = await model.linearLayers(task, classes);
  const found = all?.find(layer);
  const known = all?.layers.find(({ module }) => module === found?.module);
  if (known !== undefined) return known;
  throw new RegmeanError('invalid-input', `${model.path}: must have the linear layer ${layer}, has none`);
}

function reportOf(
  statistics: readonly [HeadStatistics, ...HeadStatistics[]],
  ridge: number,
  { deadInputs, relativeResidual }: RidgeHead,
): HeadReport {
  const agents = statistics.map(({ agent, examples, rows }) => ({ agent, examples, rows }));
  return { layer: statistics[0].layer, ridge, agents, deadInputs, relativeResidual };
}

/** Copies a model's folder; the head's tensors alone are others. */
async function writeWithHead(
  folder: string,
  model: OpenModel,
  { weight, bias, orientation }: LinearLayer,
  head: RidgeHead,
  report: HeadReport,
): Promise<void> {
  for (const name of await readdir(model.folder)) {
    if (name === weightsFile) continue;
    await cp(join(model.folder, name), join(folder, name), { recursive: true });
  }
  const stored = orientation === 'out-in' ? head.weight : transpose(head.weight);
  const changed = new Map([
    [weight, stored.data],
    ...(bias === null || head.bias === null ? [] : [[bias, head.bias] as const]),
  ]);
  const file = await openSafetensors(join(model.folder, weightsFile));
  try {
    const specs = [...file.tensors].map(([name, { shape, dtype }]) => ({ name, shape, dtype }));
    const metadata = Object.fromEntries(file.metadata);
    await fillSafetensors(join(folder, weightsFile), specs, metadata, async (sink) => {
      for (const { name } of specs) {
        const values = changed.get(model.names.canonical(name));
        await sink.write(name, values ?? (await file.readBytes(name)));
      }
    });
  } finally {
    await file.close();
  }
  await model.writeNetwork(folder);
  const text = await readFile(join(folder, mergeReportFile), 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const { files, ...merged } = JSON.parse(text) as MergeReport;
  const described = await describeFiles(folder);
  const known = Object.entries(described).filter(([name]) => name in files);
  await writeReport(folder, { ...merged, head: report, files: Object.fromEntries(known) });
}
