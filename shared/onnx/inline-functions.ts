/**
 * @file Functions of a model's own (its `functions`, as newer exporters write them) become the
 *   nodes that they stand for, so that nothing behind sees a call.
 */
import { RegmeanError } from '../errors.ts';
import type { OnnxAttribute, OnnxFunction, OnnxModel, OnnxNode } from '../graph/onnx-schema.ts';
import { isStandard, nodeName } from './nodes.ts';

/** Nodes that calls may become: functions that call each other twice could be any number. */
const maxNodes = 200_000;

/** What stays the same while calls are replaced. */
interface Inlining {
  readonly path: string;
  readonly functions: ReadonlyMap<string, OnnxFunction>;
  /** Versions of operators by domain; those that functions bring are added. */
  readonly versions: Map<string, string>;
  /** Names that calls gave to their insides. */
  readonly taken: Set<string>;
  /** Nodes that calls became, of all. */
  readonly count: { nodes: number };
}

/**
 * The model with every call of a function of its own replaced by the function's nodes. Inner values
 * and nodes are named after the call: `/encoder/Linear` makes `/encoder/Linear/MatMul`.
 *
 * @throws RegmeanError `unsupported` for functions that call themselves, whose operators are of
 *   another version, or that become more nodes than any network has
 */
export function withoutFunctions(path: string, model: OnnxModel): OnnxModel {
  const { functions = [], ...rest } = model;
  if (functions.length === 0) return rest;
  const versions = new Map(
    model.opsetImport.map(({ domain, version }) => [standardName(domain), String(version ?? 0)]),
  );
  const inlining: Inlining = {
    path,
    functions: new Map(functions.map((own) => [keyOf(own.domain, own.name, own.overload), own])),
    versions,
    taken: new Set(),
    count: { nodes: 0 },
  };
  const node = inlined(inlining, model.graph.node, []);
  const used = new Set(node.map(({ domain }) => standardName(domain)));
  const opsetImport = [...versions]
    .filter(([domain]) => used.has(domain) || domain === '')
    .map(([domain, version]) => ({ domain, version }));
  return { ...rest, opsetImport, graph: { ...model.graph, node } };
}

function inlined(
  inlining: Inlining,
  nodes: readonly OnnxNode[],
  callers: readonly OnnxFunction[],
): OnnxNode[] {
  return nodes.flatMap((node): OnnxNode[] => {
    const called = inlining.functions.get(keyOf(node.domain, node.opType, node.overload));
    if (called === undefined) return [node];
    if (callers.includes(called)) {
      throw new RegmeanError(
        'unsupported',
        `${inlining.path}: node ${nodeName(node)}: function ${called.name} calls itself`,
      );
    }
    requireSameVersions(inlining, called);
    inlining.count.nodes += called.node.length;
    if (inlining.count.nodes > maxNodes) {
      throw new RegmeanError(
        'unsupported',
        `${inlining.path}: functions must become at most ${maxNodes} nodes`,
      );
    }
    return inlined(inlining, bodyOf(inlining, called, node), [...callers, called]);
  });
}

/** The nodes of a function as one call of it runs them. */
function bodyOf({ taken }: Inlining, called: OnnxFunction, call: OnnxNode): OnnxNode[] {
  const stem = nodeName(call);
  let prefix = stem;
  for (let count = 1; taken.has(prefix); count++) prefix = `${stem}_${count}`;
  taken.add(prefix);

  const names = new Map((called.input ?? []).map((name, at) => [name, call.input[at] ?? '']));
  const copies: OnnxNode[] = [];
  for (const [at, name] of (called.output ?? []).entries()) {
    const wanted = call.output[at] ?? '';
    const known = names.get(name);
    if (known === undefined) names.set(name, wanted === '' ? `${prefix}/${name}` : wanted);
    // A function may hand out what it was given, or the same value twice.
    else if (wanted !== '') copies.push(copyOf(known, wanted, `${prefix}/Identity_${at}`));
  }
  const nameOf = (name: string): string => {
    if (name === '') return '';
    const known = names.get(name);
    if (known !== undefined) return known;
    names.set(name, `${prefix}/${name}`);
    return `${prefix}/${name}`;
  };
  const nodes = called.node.map(({ attribute, ...node }): OnnxNode => {
    const own = (attribute ?? []).flatMap((given) => resolved(given, called, call));
    const last = (node.name ?? '') === '' ? node.opType : (node.name ?? '').replace(/^\//, '');
    return {
      ...node,
      name: `${prefix}/${last}`,
      input: node.input.map(nameOf),
      output: node.output.map(nameOf),
      ...(own.length === 0 ? {} : { attribute: own }),
    };
  });
  return [...nodes, ...copies];
}

function copyOf(from: string, to: string, name: string): OnnxNode {
  return { opType: 'Identity', name, input: [from], output: [to] };
}

/**
 * An attribute of an inner node; one that refers to the call's has its value, or the default, or is
 * left out.
 */
function resolved(given: OnnxAttribute, called: OnnxFunction, call: OnnxNode): readonly OnnxAttribute[] {
  const { name, refAttrName } = given;
  if (refAttrName === undefined || refAttrName === '') return [given];
  const isMeant = (own: OnnxAttribute): boolean => own.name === refAttrName;
  const value = call.attribute?.find(isMeant) ?? called.attributeProto?.find(isMeant);
  return value === undefined ? [] : [{ ...value, name }];
}

function requireSameVersions({ path, versions }: Inlining, called: OnnxFunction): void {
  for (const own of called.opsetImport ?? []) {
    const domain = standardName(own.domain);
    const version = String(own.version ?? 0);
    const known = versions.get(domain);
    if (known === undefined) versions.set(domain, version);
    else if (known !== version) {
      const operators = domain === '' ? 'operators' : `operators of ${domain}`;
      throw new RegmeanError(
        'unsupported',
        `${path}: function ${called.name} is written with version ${version} of ${operators}, the model with ${known}`,
        { hint: 'export with functions inlined' },
      );
    }
  }
}

function keyOf(domain: string | undefined, name: string, overload = ''): string {
  return `${standardName(domain)}:${name}:${overload}`;
}

function standardName(domain: string | undefined): string {
  return isStandard(domain) ? '' : (domain ?? '');
}
