/** @file The merge methods. A new one is its module and its line here. */
import { fisher } from './fisher.ts';
import { regmean } from './regmean.ts';
import { simple } from './simple.ts';

export const mergeMethods = [simple, fisher, regmean] as const;

/** What `--method` takes. */
export type MethodName = (typeof mergeMethods)[number]['name'];

export const defaultMethod: MethodName = 'regmean';
