/** @file Recipes as YAML files. */
import { dirname, resolve } from 'node:path';
import { stringify } from 'yaml';
import { parseYaml, readYamlText } from '../../shared/files/parse-yaml.ts';
import { type Recipe, recipeSchema } from './recipe.ts';

/**
 * Reads and checks a recipe file; a relative `base` is relative to the file.
 *
 * @throws RegmeanError that names the line, the key's path and what was expected there
 */
export async function readRecipe(path: string): Promise<Recipe> {
  const recipe = parseRecipe(await readYamlText(path, 'a recipe file'), path);
  return { ...recipe, base: resolve(dirname(path), recipe.base) };
}

/**
 * Checks the text of a recipe.
 *
 * @param where name of the file, for the messages
 * @throws RegmeanError with one line per mistake
 */
export function parseRecipe(text: string, where: string): Recipe {
  return parseYaml(text, where, recipeSchema);
}

/** A recipe as YAML text that `parseRecipe` reads back. */
export function formatRecipe(recipe: Recipe): string {
  return stringify(recipe);
}
