// Refusals: docs/protocol.md, "Refusals". google.rpc.Status arrives as protobuf in a trailer.
"use strict";

const DETAILS = "grpc-status-details-bin";

/** Reads a refusal; one without ErrorInfo was made by the transport, not by the hub. */
function readRefusal(error, statusNames) {
  const refusal = { code: statusNames[error.code], reason: "", domain: "", metadata: {} };
  const [trailer] = error.metadata?.get(DETAILS) ?? [];
  if (trailer === undefined) return refusal;
  for (const detail of fieldsOf(trailer).filter((field) => field.number === 3)) {
    const any = asMap(detail.content);
    if (any[1].toString().endsWith("/google.rpc.ErrorInfo")) readInfo(any[2], refusal);
    if (any[1].toString().endsWith("/google.rpc.RetryInfo")) refusal.retry = true;
  }
  return refusal;
}

function readInfo(content, refusal) {
  for (const field of fieldsOf(content)) {
    if (field.number === 1) refusal.reason = field.content.toString();
    if (field.number === 2) refusal.domain = field.content.toString();
    if (field.number === 3) {
      const pair = asMap(field.content);
      refusal.metadata[pair[1].toString()] = pair[2]?.toString() ?? "";
    }
  }
}

function asMap(content) {
  return Object.fromEntries(fieldsOf(content).map((field) => [field.number, field.content]));
}

/** Splits protobuf into its fields; integers are read over, for no text is one. */
function fieldsOf(bytes) {
  const fields = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    if ((key & 7) === 0) {
      varint();
    } else if ((key & 7) === 2) {
      const length = varint();
      fields.push({ number: key >> 3, content: bytes.subarray(at, at + length) });
      at += length;
    } else {
      throw new Error("a field of a kind that a status does not have");
    }
  }
  return fields;
}

module.exports = { readRefusal };
