// Canonical bytes and commitments: docs/protocol.md, "Canonical bytes".
"use strict";

const crypto = require("node:crypto");

/** Encodes a message by the descriptors that proto-loader read from the protos. */
function encodeMessage(types, name, message, skip = []) {
  const fields = [...types[name].type.field].sort((one, other) => one.number - other.number);
  const parts = [];
  for (const field of fields) {
    const value = message[field.name];
    if (skip.includes(field.name) || value === undefined || value === null) continue;
    const repeated = field.label === "LABEL_REPEATED";
    for (const item of repeated ? value : [value]) {
      const content = contentOf(types, name, field, item);
      // An empty field is left out, an empty item of a list is not. Integers are empty when zero.
      const empty = field.type === "TYPE_MESSAGE" || isBytes(field)
        ? content.length === 0
        : BigInt.asUintN(64, BigInt(content.readBigUInt64LE())) === 0n;
      if (repeated || !empty) parts.push(headerOf(field.number, content.length), content);
    }
  }
  return Buffer.concat(parts);
}

/** Binds a nonce to canonical bytes, as the entry of the audit log does. */
function commitment(nonce, canonical) {
  return crypto.createHash("sha256").update(nonce).update(canonical).digest();
}

/** Encodes one field by its number and content. */
function encodeField(number, content) {
  return Buffer.concat([headerOf(number, content.length), content]);
}

function isBytes(field) {
  return field.type === "TYPE_BYTES" || field.type === "TYPE_STRING";
}

function contentOf(types, parent, field, value) {
  if (field.type === "TYPE_MESSAGE") {
    return encodeMessage(types, resolve(types, parent, field.typeName), value);
  }
  if (isBytes(field)) return Buffer.from(value);
  const content = Buffer.alloc(8);
  content.writeBigUInt64LE(BigInt.asUintN(64, BigInt(numberOf(types, parent, field, value))));
  return content;
}

/** An enumeration may be given by name. */
function numberOf(types, parent, field, value) {
  if (field.type !== "TYPE_ENUM" || typeof value === "number") return value;
  const values = types[resolve(types, parent, field.typeName)].type.value;
  return values.find((each) => each.name === value).number;
}

/** Finds a type that a message of the same package names. */
function resolve(types, parent, name) {
  const scope = parent.split(".").slice(0, -1).join(".");
  return [name.replace(/^\./, ""), `${scope}.${name}`].find((each) => each in types);
}

function headerOf(number, length) {
  const header = Buffer.alloc(6);
  header.writeUInt16LE(number, 0);
  header.writeUInt32LE(length, 2);
  return header;
}

module.exports = { commitment, encodeField, encodeMessage };
