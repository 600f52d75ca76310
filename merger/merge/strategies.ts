import { fisher } from './fisher.ts';
import type { MergeMethod } from './merge-options.ts';
import { regmean } from './regmean.ts';
import { simple } from './simple.ts';
import type { MergeStrategy } from './strategy.ts';

/** The strategy of every method. */
export const strategies: Readonly<Record<MergeMethod, MergeStrategy>> = { simple, fisher, regmean };
