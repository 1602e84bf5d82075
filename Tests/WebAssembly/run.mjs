// Replays the golden vectors in the WebAssembly module, and holds every byte against them.
//
//   node Tests/WebAssembly/run.mjs payments.wasm vectors.txt
//
// The lines of the vectors are explained in Tests/PaymentsTests/GoldenVectors.swift, the exports in
// Exports.swift.

import { readFileSync } from "node:fs";

const [modulePath, vectorsPath] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(modulePath), {});
const exports = instance.exports;

/** Calls an export with inputs of bytes; the reply's tag and bytes. */
function call(name, ...inputs) {
  const given = inputs.map((bytes) => {
    const address = exports.allocate(bytes.length);
    new Uint8Array(exports.memory.buffer).set(bytes, address);
    return [address, bytes.length];
  });
  const reply = exports[name](...given.flat());
  const count = new DataView(exports.memory.buffer).getUint32(reply, true);
  const bytes = Buffer.from(new Uint8Array(exports.memory.buffer, reply + 4, count));
  for (const [address] of given) exports.release(address);
  exports.release(reply);
  return { tag: bytes[0], bytes: bytes.subarray(1) };
}

const valueTag = 0, refusalTag = 1, malformedTag = 2;

function expect(isTrue, line, what) {
  if (isTrue) return;
  console.error(`${vectorsPath}:${line.number}: ${what}`);
  process.exit(1);
}

function expectReply(reply, tag, bytes, line) {
  const found = reply.bytes.toString("hex");
  expect(reply.tag === tag && reply.bytes.equals(bytes), line, `reply ${reply.tag} ${found}`);
}

function varint(value) {
  const bytes = [];
  let rest = BigInt(value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

/** The vectors' lines, each with its number, name and value. */
function read(path) {
  return readFileSync(path, "utf8").split("\n").flatMap((text, index) => {
    if (text === "" || text.startsWith("#")) return [];
    const blank = text.indexOf(" ");
    const [name, value] =
      blank < 0 ? [text, ""] : [text.slice(0, blank), text.slice(blank + 1)];
    const isTitle = ["forms", "walk", "step", "next"].includes(name);
    return [{ number: index + 1, name, value, bytes: isTitle ? null : Buffer.from(value, "hex") }];
  });
}

const counts = { forms: 0, malformed: 0, walks: 0, decisions: 0, refusals: 0, events: 0 };

/** A form comes back as it was, and what is too short or too long is refused. */
function checkForm(line) {
  const rewrite = { event: "rewriteEvent", state: "rewriteState", command: "rewriteCommand" };
  const name = rewrite[line.name];
  expect(name !== undefined, line, "no such form");
  expectReply(call(name, line.bytes), valueTag, line.bytes, line);
  counts.forms += 1;
  const none = Buffer.alloc(0);
  for (let count = 0; count < line.bytes.length; count++) {
    expectReply(call(name, line.bytes.subarray(0, count)), malformedTag, none, line);
    counts.malformed += 1;
  }
  expectReply(call(name, Buffer.concat([line.bytes, Buffer.of(0)])), malformedTag, none, line);
  counts.malformed += 1;
}

/** Decides a step and evolves what it brought; the state after it. */
function runStep(state, step) {
  const one = (name) => step.find((line) => line.name === name);
  const decision = call("decide", state, one("command").bytes, one("context").bytes);
  counts.decisions += 1;
  const refusal = one("refusal");
  if (refusal) {
    expectReply(decision, refusalTag, refusal.bytes, refusal);
    counts.refusals += 1;
    return state;
  }
  const events = step.filter((line) => line.name === "event").map((line) => line.bytes);
  const next = one("next");
  const value = Buffer.concat([varint(next.value), varint(events.length), ...events]);
  expectReply(decision, valueTag, value, next);
  let after = state;
  for (const event of events) {
    after = call("evolve", after, event).bytes;
    counts.events += 1;
  }
  const golden = one("state");
  expect(after.equals(golden.bytes), golden, `the state is ${after.toString("hex")}`);
  return after;
}

/** A walk: how the payment began, and each step. */
function runWalk(lines) {
  const starts = lines.flatMap((line, index) => (line.name === "step" ? [index] : []));
  const [, created, begun] = lines;
  expectReply(call("create", created.bytes), valueTag, begun.bytes, begun);
  counts.walks += 1;
  starts.reduce(
    (state, start, index) => runStep(state, lines.slice(start + 1, starts[index + 1])),
    begun.bytes);
}

function run(lines) {
  const walks = lines.flatMap((line, index) => (line.name === "walk" ? [index] : []));
  const forms = lines.slice(0, walks[0]).filter((line) => line.name !== "forms");
  forms.forEach(checkForm);
  walks.forEach((start, index) => runWalk(lines.slice(start, walks[index + 1])));
  expect(forms.length > 0 && walks.length > 0, { number: 1 }, "no vectors");
}

const lines = read(vectorsPath);
run(lines);
const report = Object.entries(counts).map(([name, count]) => `${count} ${name}`).join(", ");
// What was given back is used again: a second time over takes no more memory.
const size = exports.memory.buffer.byteLength;
run(lines);
expect(exports.memory.buffer.byteLength === size, { number: 1 }, "the module leaks memory");
console.log(`WebAssembly: ${report}, all as pinned; ${size >> 10} KiB of memory`);
