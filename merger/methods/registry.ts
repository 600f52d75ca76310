/** @file The merge methods. A new one is its module and its line here. */
import { dare } from './dare.ts';
import { fisher } from './fisher.ts';
import { isoC } from './iso-c.ts';
import { isoCts } from './iso-cts.ts';
import { modelStock } from './model-stock.ts';
import { regmean } from './regmean.ts';
import { simple } from './simple.ts';
import { taskArithmetic } from './task-arithmetic.ts';
import { ties } from './ties.ts';
import { tsvMerge } from './tsv-merge.ts';
import { wudi } from './wudi.ts';

export const mergeMethods = [
  simple,
  fisher,
  regmean,
  taskArithmetic,
  ties,
  dare,
  modelStock,
  isoC,
  isoCts,
  tsvMerge,
  wudi,
] as const;

/** What `--method` takes. */
export type MethodName = (typeof mergeMethods)[number]['name'];

export const defaultMethod: MethodName = 'regmean';
