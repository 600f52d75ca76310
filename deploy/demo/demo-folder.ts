/**
 * @file The folder of one demo: what each party has, apart from the others, as on machines of their
 *   own.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatRecipe } from '../../merger/recipe/read-recipe.ts';
import type { Recipe } from '../../merger/recipe/recipe.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { listFolder } from '../../shared/files/atomic-folder.ts';
import { type DemoDataset, writeDataset } from '../datasets/dataset.ts';
import { makeCertificates } from './certificates.ts';

/** Marks a folder as one that a demo may replace. */
const markFile = 'demo.json';

/** Where the agent of a domain keeps its things. */
export interface AgentPaths {
  readonly domain: string;
  /** Its private data. */
  readonly data: { readonly train: string; readonly dev: string; readonly test: string };
  readonly certificate: string;
  readonly privateKey: string;
  readonly work: string;
  readonly fused: string;
}

/** Where everything of a demo lies. */
export interface DemoPaths {
  readonly directory: string;
  readonly authority: string;
  readonly recipe: string;
  readonly store: string;
  readonly mergerCertificate: string;
  readonly mergerPrivateKey: string;
  readonly agents: readonly AgentPaths[];
  readonly outOfDomain: readonly { readonly domain: string; readonly test: string }[];
  /** The merges that the result is compared with. */
  readonly simple: string;
  readonly regmean: string;
  readonly results: string;
  /** The comparison as a picture. */
  readonly picture: string;
}

/**
 * Fills the folder of a demo: data sets, certificates, the recipe. A folder that an earlier demo
 * made is replaced.
 *
 * @throws RegmeanError `usage` when the folder holds anything else
 */
export async function prepareDemoFolder(
  directory: string,
  dataset: DemoDataset,
  recipe: Recipe,
): Promise<DemoPaths> {
  const present = await listFolder(directory);
  if (present !== undefined && present.length > 0 && !present.includes(markFile)) {
    throw new RegmeanError('usage', `--out ${directory}: must be new, empty or the folder of a demo`);
  }
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, markFile), '{}\n');
  const paths = pathsOf(directory, dataset);
  await writeDataset(dataset, dataFolder(directory));
  await writeFile(paths.recipe, formatRecipe(recipe));
  await writeCertificates(paths);
  return paths;
}

function dataFolder(directory: string): string {
  return join(directory, 'private-data');
}

function pathsOf(directory: string, dataset: DemoDataset): DemoPaths {
  const keys = join(directory, 'certificates');
  const data = (domain: string, part: string): string => join(dataFolder(directory), domain, `${part}.jsonl`);
  return {
    directory,
    authority: join(keys, 'authority.pem'),
    recipe: join(directory, 'recipe.yaml'),
    store: join(directory, 'merger'),
    mergerCertificate: join(keys, 'merger.pem'),
    mergerPrivateKey: join(keys, 'merger-key.pem'),
    agents: dataset.domains.map(({ domain }) => ({
      domain,
      data: { train: data(domain, 'train'), dev: data(domain, 'dev'), test: data(domain, 'test') },
      certificate: join(keys, `${domain}.pem`),
      privateKey: join(keys, `${domain}-key.pem`),
      work: join(directory, 'agents', domain),
      fused: join(directory, 'agents', domain, 'fused'),
    })),
    outOfDomain: dataset.outOfDomain.map(({ domain }) => ({ domain, test: data(domain, 'test') })),
    simple: join(directory, 'simple'),
    regmean: join(directory, 'regmean'),
    results: join(directory, 'results.json'),
    picture: join(directory, 'comparison.svg'),
  };
}

async function writeCertificates(paths: DemoPaths): Promise<void> {
  const certificates = makeCertificates(paths.agents.map(({ domain }) => domain));
  await mkdir(join(paths.directory, 'certificates'));
  await writeFile(paths.authority, certificates.authority);
  const write = async (
    certificate: string,
    privateKey: string,
    pair: typeof certificates.merger,
  ): Promise<void> => {
    await writeFile(certificate, pair.certificate);
    await writeFile(privateKey, pair.privateKey, { mode: 0o600 });
  };
  await write(paths.mergerCertificate, paths.mergerPrivateKey, certificates.merger);
  for (const agent of paths.agents) {
    const pair = certificates.agents.get(agent.domain);
    if (pair !== undefined) await write(agent.certificate, agent.privateKey, pair);
  }
}
