import type { MergeMethod } from '../merge/merge-options.ts';
import { fisher } from './fisher.ts';
import type { MergeStrategy } from './merge-step.ts';
import { regmean } from './regmean.ts';
import { simple } from './simple.ts';

/** The strategy of every method. */
export const strategies: Readonly<Record<MergeMethod, MergeStrategy>> = { simple, fisher, regmean };
