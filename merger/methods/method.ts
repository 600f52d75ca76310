/** @file What a merge method is: one module says all of it, and everything else follows from it. */
import type { z } from '../../shared/zod.ts';
import type { MergeInputs, MergeStep, MergeStrategy } from './merge-step.ts';
import { type Need, requireNeeds } from './needs.ts';
import { readOptions } from './option.ts';

/** Where a method was published. */
export interface Paper {
  /** As one cites it in a sentence: `Jin et al., ICLR 2023`. */
  readonly citation: string;
  readonly title: string;
  readonly link: string;
  /** Which of its equations or sections the method is. */
  readonly where: string;
}

/** A method as its module declares it. */
export interface MethodDeclaration<
  Name extends string,
  Shape extends z.ZodRawShape,
  Settings extends object,
> {
  /** As it is chosen: `--method regmean`. */
  readonly name: Name;
  /** As people call it. */
  readonly title: string;
  /** One line: what becomes of the parameters. */
  readonly description: string;
  /** Absent where there is nothing to cite. */
  readonly paper?: Paper;
  /** The options that are its own; see `common-options.ts` for those of every method. */
  readonly options: z.ZodObject<Shape>;
  /** What it needs beside the weights, with the values that it works with. */
  needs(settings: Settings): readonly Need[];
  /** The values that it works with: defaults that depend on other options are filled in here. */
  settings(options: z.output<z.ZodObject<Shape>>): Settings;
  /** Divides `inputs.parameters` into steps, each parameter in exactly one. */
  steps(inputs: MergeInputs, settings: Settings): readonly MergeStep[];
}

/** A method with the values of its options. */
export interface PreparedMethod {
  /** Value by option, defaults filled in. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly needs: readonly Need[];
  /** @throws RegmeanError when contributions lack what the method needs */
  readonly steps: MergeStrategy;
}

/** A merge method. */
export interface MergeMethod<Name extends string = string, Shape extends z.ZodRawShape = z.ZodRawShape>
  extends Pick<
    MethodDeclaration<Name, Shape, object>,
    'name' | 'title' | 'description' | 'paper' | 'options'
  > {
  /**
   * Checks the values that are given for its options; those of others are not looked at.
   *
   * @throws RegmeanError `usage`, naming the option
   */
  prepare(given: Readonly<Record<string, unknown>>): PreparedMethod;
}

/** Makes a merge method of its declaration. */
export function defineMethod<
  Name extends string,
  Shape extends z.ZodRawShape,
  Settings extends { readonly [Key in keyof Settings]: unknown },
>(declaration: MethodDeclaration<Name, Shape, Settings>): MergeMethod<Name, Shape> {
  const { settings: settingsOf, needs: needsOf, steps, ...facts } = declaration;
  return {
    ...facts,
    prepare(given) {
      const settings = settingsOf(readOptions(facts.options, given));
      const needs = needsOf(settings);
      return {
        settings: { ...settings },
        needs,
        steps(inputs) {
          requireNeeds(facts.name, needs, inputs);
          const keyOf = ({ name, parameters }: MergeStep): string =>
            JSON.stringify([facts.name, settings, name, parameters]);
          return steps(inputs, settings).map((step) => ({ key: keyOf(step), ...step }));
        },
      };
    },
  };
}
