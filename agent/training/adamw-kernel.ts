/**
 * @file AdamW's element-wise arithmetic as a WebAssembly module of four lanes, assembled here: one
 *   pass over four arrays, where a graph of element-wise operators would take thirteen. JavaScript
 *   itself has no vector instructions.
 */

/**
 * What this file uses of the global of that name; Node's types leave it to those of the browser.
 */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** Elements that one call of a kernel can update: four arrays of 64 KiB stay in a core's cache. */
export const kernelLength = 1 << 14;

/** The numbers of one update; see `createAdamWKernel`. */
export interface UpdateScalars {
  readonly beta1: number;
  readonly beta2: number;
  readonly firstGain: number;
  readonly secondGain: number;
  readonly stepSize: number;
  readonly epsilon: number;
  readonly keep: number;
}

/** Slices of equal length, at most `kernelLength` elements; the gradient is only read. */
export interface UpdateSlices {
  readonly parameter: Float32Array;
  readonly gradient: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
}

/** The order of the arrays in the module's memory. */
const slots = { parameter: 0, gradient: 1, firstMoment: 2, secondMoment: 3 } as const;

/** The order of the parameters of the module's function, after the count of bytes. */
const scalarNames = [
  'beta1',
  'beta2',
  'firstGain',
  'secondGain',
  'stepSize',
  'epsilon',
  'keep',
] as const satisfies readonly (keyof UpdateScalars)[];

const laneBytes = 16;

/**
 * A function that updates slices in place, in float32: m' = beta1 m + firstGain g; v' = beta2 v +
 * (secondGain g) g; p' = keep p - stepSize (m' / (sqrt(v') + epsilon)).
 */
export function createAdamWKernel(): (slices: UpdateSlices, scalars: UpdateScalars) => void {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(assemble()));
  const { memory, update } = exports as {
    readonly memory: { readonly buffer: ArrayBuffer };
    readonly update: (...numbers: readonly number[]) => void;
  };
  const slot = (index: number) =>
    new Float32Array(memory.buffer, index * kernelLength * Float32Array.BYTES_PER_ELEMENT, kernelLength);
  const inside = {
    parameter: slot(slots.parameter),
    gradient: slot(slots.gradient),
    firstMoment: slot(slots.firstMoment),
    secondMoment: slot(slots.secondMoment),
  };
  return (slices, scalars) => {
    const { length } = slices.parameter;
    for (const name of Object.keys(slots) as (keyof UpdateSlices)[]) inside[name].set(slices[name]);
    const bytes = Math.ceil((length * Float32Array.BYTES_PER_ELEMENT) / laneBytes) * laneBytes;
    update(bytes, ...scalarNames.map((name) => scalars[name]));
    for (const name of ['parameter', 'firstMoment', 'secondMoment'] as const) {
      slices[name].set(inside[name].subarray(0, length));
    }
  };
}

type Code = readonly number[];

const f32 = 0x7d;
const i32 = 0x7f;
const v128 = 0x7b;

/** Locals: the function's parameters (bytes, then the scalars), then offset, g, m', v'. */
const local = {
  bytes: 0,
  scalar: (name: (typeof scalarNames)[number]) => 1 + scalarNames.indexOf(name),
  offset: 1 + scalarNames.length,
  g: 2 + scalarNames.length,
  m: 3 + scalarNames.length,
  v: 4 + scalarNames.length,
} as const;

/** The update over `bytes` of each slot, sixteen at a time. */
function updateCode(): Code {
  const scalar = (name: (typeof scalarNames)[number]): Code => vector(0x13, get(local.scalar(name)));
  const m = add(
    multiply(scalar('beta1'), load(slots.firstMoment)),
    multiply(scalar('firstGain'), get(local.g)),
  );
  const v = add(
    multiply(scalar('beta2'), load(slots.secondMoment)),
    multiply(multiply(scalar('secondGain'), get(local.g)), get(local.g)),
  );
  const change = divide(get(local.m), add(squareRoot(get(local.v)), scalar('epsilon')));
  const p = subtract(multiply(scalar('keep'), load(slots.parameter)), multiply(scalar('stepSize'), change));
  const next: Code = [...get(local.offset), 0x41, laneBytes, 0x6a];
  return [
    ...[0x03, 0x40],
    ...set(local.g, load(slots.gradient)),
    ...set(local.m, m),
    ...set(local.v, v),
    ...store(slots.firstMoment, get(local.m)),
    ...store(slots.secondMoment, get(local.v)),
    ...store(slots.parameter, p),
    ...next,
    ...[0x22, local.offset],
    ...get(local.bytes),
    ...[0x49, 0x0d, 0],
    0x0b,
    0x0b,
  ];
}

const get = (index: number): Code => [0x20, index];
const set = (index: number, value: Code): Code => [...value, 0x21, index];
const vector = (opcode: number, ...operands: readonly Code[]): Code => [
  ...operands.flat(),
  0xfd,
  ...unsigned(opcode),
];
const squareRoot = (a: Code): Code => vector(0xe3, a);
const add = (a: Code, b: Code): Code => vector(0xe4, a, b);
const subtract = (a: Code, b: Code): Code => vector(0xe5, a, b);
const multiply = (a: Code, b: Code): Code => vector(0xe6, a, b);
const divide = (a: Code, b: Code): Code => vector(0xe7, a, b);
const at = (slot: number): Code => [4, ...unsigned(slot * kernelLength * Float32Array.BYTES_PER_ELEMENT)];
const load = (slot: number): Code => [...vector(0x00, get(local.offset)), ...at(slot)];
const store = (slot: number, value: Code): Code => [...vector(0x0b, get(local.offset), value), ...at(slot)];

/** The module (WebAssembly core specification 2.0, chapter 5): one memory, one function. */
function assemble(): Uint8Array<ArrayBuffer> {
  const parameters = [i32, ...scalarNames.map(() => f32)];
  const pages = (Object.keys(slots).length * kernelLength * Float32Array.BYTES_PER_ELEMENT) / 65_536;
  const locals = list([
    [1, i32],
    [3, v128],
  ]);
  return Uint8Array.from([
    ...[0x00, ...text('asm'), 0x01, 0x00, 0x00, 0x00],
    ...section(1, list([[0x60, ...list(parameters.map((type) => [type])), ...list([])]])),
    ...section(3, list([[0]])),
    ...section(5, list([[0x01, ...unsigned(pages), ...unsigned(pages)]])),
    ...section(
      7,
      list([
        [...sized(text('memory')), 0x02, 0],
        [...sized(text('update')), 0x00, 0],
      ]),
    ),
    ...section(10, list([sized([...locals, ...updateCode()])])),
  ]);
}

const section = (id: number, content: Code): Code => [id, ...sized(content)];
const list = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const sized = (content: Code): Code => [...unsigned(content.length), ...content];
const text = (characters: string): Code => [...Buffer.from(characters)];

/** Unsigned LEB128. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(Math.floor(value / 0x80))];
}
