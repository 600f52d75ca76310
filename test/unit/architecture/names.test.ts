import { expect, it } from 'vitest';
import { sourceFiles } from '../../support/source-files.ts';

/**
 * Where names repeat on purpose: the library's functions are called as what they do, and ops are
 * read as `ops.NAME`.
 */
const facades = [/^deploy\/library\//, /^shared\/graph\/ops\//];

/** What a file exports by a declaration of its own. */
const declaration =
  /^export (?:declare )?(?:async )?(?:abstract )?(?:function\*?|const|let|class|interface|type|enum) (\w+)/gm;

it('a name that is exported means one thing', async () => {
  const homes = new Map<string, string[]>();
  for (const { path, text } of await sourceFiles()) {
    if (path.includes('/generated/') || facades.some((facade) => facade.test(path))) continue;
    for (const [, name = ''] of text.matchAll(declaration)) {
      homes.set(name, [...(homes.get(name) ?? []), path]);
    }
  }
  expect(homes.size).toBeGreaterThan(500);
  const shared = [...homes].filter(([, paths]) => paths.length > 1);
  expect(shared.map(([name, paths]) => `${name}: ${paths.join(', ')}`)).toEqual([]);
});
