// Tokens: docs/protocol.md, "Tokens". Nothing here knows more than that page says.
"use strict";

const crypto = require("node:crypto");

const TOKEN_BYTES = 16;
const DIGESTS = { HMAC_SHA256: "sha256", HMAC_SM3: "sm3" };

/** Says whether this Node can make tokens of a suite: SM3 is missing where its OpenSSL has none. */
function supports(suite) {
  return crypto.getHashes().includes(DIGESTS[suite]);
}

/** Makes the token of one canonical string. */
function tokenOf(suite, key, canonical) {
  if (!canonical.startsWith("rs1|")) throw new Error("not a canonical string");
  const digest = crypto.createHmac(DIGESTS[suite], key).update(canonical, "utf8").digest();
  return digest.subarray(0, TOKEN_BYTES);
}

/** Names the type of a canonical string. */
function typeOf(canonical) {
  return canonical.split("|", 2)[1];
}

module.exports = { TOKEN_BYTES, supports, tokenOf, typeOf };
