/**
 * @file A method that this project does not have, added to the registry alone: it is offered
 *   everywhere, and merges.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseExperiment } from '../../../deploy/experiment/experiment-file.ts';
import { registerMergerCommands } from '../../../merger/commands/register.ts';
import { parseRecipe } from '../../../merger/recipe/read-recipe.ts';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { expectMerged, mergeTwo, tensor } from '../../support/two-contributions.ts';

vi.mock('../../../merger/methods/registry.ts', async (importOriginal) => {
  const { z } = await import('zod');
  const { defineMethod } = await import('../../../merger/methods/method.ts');
  const { option } = await import('../../../merger/methods/option.ts');
  const registry = await importOriginal<typeof import('../../../merger/methods/registry.ts')>();
  /** theta = pull base + (1 - pull) theta of the first contribution */
  const pulled = defineMethod({
    name: 'pulled',
    title: 'Pulled',
    description: 'the first agent’s parameters, drawn toward the base',
    paper: { citation: 'Nobody, 1900', title: 'Pulling', link: 'https://example.org', where: 'equation 1' },
    options: z.object({
      pull: option(z.number().min(0).max(1).default(0.5), {
        help: 'share of the base',
        label: 'pull toward',
      }),
    }),
    needs: () => ['base'],
    settings: (options) => options,
    steps: ({ contributions, base, parameters }, { pull }) =>
      parameters.map((parameter) => ({
        ...{ name: parameter, parameters: [parameter], bytes: 8 },
        async run(output) {
          const own = await contributions[0]?.weights.readFloat64(parameter);
          const start = await base?.readFloat64(parameter);
          await output.write(
            parameter,
            (own ?? new Float64Array()).map((value, i) => pull * (start?.[i] ?? 0) + (1 - pull) * value),
          );
          return undefined;
        },
      })),
  });
  return { ...registry, mergeMethods: [...registry.mergeMethods, pulled] };
});

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-added-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const merge = (options: object) => mergeTwo(root, { method: 'pulled' as never, ...options });

describe('a method that is added to the registry', () => {
  it('is offered by the commands, recipes and experiment files', () => {
    const program = new Command('regmean');
    registerMergerCommands(program);
    const command = program.commands.find((own) => own.name() === 'merge');
    expect(command?.options.find(({ long }) => long === '--pull')?.description).toBe(
      'share of the base (default: 0.5)',
    );
    const recipe = 'name: a\nbase: b\ntask: regression\nagents: [x]\nmerge: { method: pulled }\n';
    expect(parseRecipe(recipe, 'round.yaml').merge).toMatchObject({ method: 'pulled', pull: 0.5 });
    const experiment = `name: a\ntitle: A\ndata: { corpus: names }
methods: [{ label: P, method: pulled, pull: 1 }]\nsweeps: { pull: [0, 1] }\n`;
    expect(parseExperiment(experiment, 'x.yaml')).toMatchObject({ sweeps: { pull: [0, 1] } });
  });

  it('merges, and is described in report and model card', async () => {
    const base = await writeContributionFolder(join(root, 'base'), {
      tensors: [tensor('dense.weight', [1, 2], 3, 4), tensor('dense.bias', [1], 0)],
    });
    const report = await merge({ base, pull: 0.25 });
    await expectMerged(root, 'dense.weight', [1.5, 2.5]);
    await expectMerged(root, 'dense.bias', [7.5]);
    expect(report).toMatchObject({ method: 'pulled', options: { pull: 0.25 }, alpha: null, fisher: null });
    const card = await readFile(join(root, 'fused', 'README.md'), 'utf8');
    expect(card).toContain(
      'Pulled ([Nobody, 1900](https://example.org)): the first agent’s parameters, drawn toward the base',
    );
    expect(card).toContain('| pull toward | 0.25 |');
  });

  it('says what it needs', async () => {
    await expect(merge({})).rejects.toThrow('method: pulled needs the base model, none is given');
    await expect(merge({ alpha: 0.5 })).rejects.toThrow('alpha: needs method regmean, got method pulled');
  });
});
