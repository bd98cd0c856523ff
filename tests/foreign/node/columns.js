// Columns of frames: docs/protocol.md, "Frames of questions" and "Frames of contributions".
"use strict";

const SUMMARY_BYTES = 16;
const OTHER_STATES = { 1: "NOT_ENTITLED", 2: "NOT_ENTITLED" };
const INDETERMINATE = 128;
const WIDTHS = {
  operation: 1, type: 1, flags: 1, category: 1, severity: 1, evidence: 1, source_class: 1,
  original_source: 8, legal_basis: 1, event_day: 2, expiry_day: 2,
};

/** Reads a column of uint32. */
function readIndices(column) {
  if (column.length % 4 !== 0) throw new Error("a column of uint32 was cut");
  return Array.from({ length: column.length / 4 }, (_, at) => column.readUInt32LE(4 * at));
}

/** Writes a column of uint32. */
function writeIndices(values) {
  const column = Buffer.alloc(4 * values.length);
  values.forEach((value, at) => column.writeUInt32LE(value, 4 * at));
  return column;
}

/** Reads one summary of 16 bytes. */
function readSummary(column, place) {
  const at = SUMMARY_BYTES * place;
  return {
    category_bits: column.readBigUInt64LE(at).toString(),
    source_class_bits: column.readUInt16LE(at + 8),
    severity: column.readUInt8(at + 10),
    confidence: column.readUInt8(at + 11),
    source_count: column.readUInt8(at + 12),
    expiry_day: column.readUInt16LE(at + 13),
    flags: column.readUInt8(at + 15),
  };
}

/** Says of every token of a frame what the answer says; refuses one that loses a token. */
function readAnswer(answer, tokenCount) {
  if (answer.token_count !== tokenCount) throw new Error("another number of tokens than asked");
  const states = new Array(tokenCount).fill("NOT_LISTED");
  const summaries = {};
  readIndices(answer.listed_index).forEach((index, place) => {
    states[index] = "LISTED";
    summaries[index] = readSummary(answer.listed_summary, place);
  });
  readIndices(answer.other_index).forEach((index, place) => {
    states[index] = otherState(answer.other_state[place]);
  });
  const notListed = states.filter((state) => state === "NOT_LISTED").length;
  if (notListed !== answer.not_listed_count) throw new Error("a token is not accounted for");
  const subjects = {};
  readIndices(answer.listed_subject).forEach((subject, place) => {
    const matched = answer.subject_matched[place];
    subjects[subject] = { ...readSummary(answer.subject_summary, place), matched };
  });
  return { states, summaries, subjects };
}

/** Writes rows as the columns of a ContributeFrame. */
function writeRows(rows) {
  const frame = {
    reference: Buffer.concat(rows.map((row) => row.reference)),
    token: Buffer.concat(rows.map((row) => row.token)),
  };
  for (const [name, width] of Object.entries(WIDTHS)) {
    frame[name] = Buffer.concat(rows.map((row) => integer(row[name] ?? 0, width)));
  }
  return frame;
}

function otherState(byte) {
  if (byte >= INDETERMINATE) return "INDETERMINATE";
  const state = OTHER_STATES[byte];
  if (state === undefined) throw new Error("a state that this client does not know");
  return state;
}

function integer(value, width) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes.subarray(0, width);
}

module.exports = { readAnswer, writeIndices, writeRows };
