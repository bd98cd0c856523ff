// A partner in another language. It shares no code with the hub or the SDK: it reads the protos, and
// does what docs/protocol.md says.
//
//   node client.js vectors FILE   makes every published token anew and compares
//   node client.js run JOB        takes the steps of a job (JSON) and prints what came of each (JSON)
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const { commitment, encodeField, encodeMessage } = require("./canonical.js");
const { readAnswer, writeIndices, writeRows } = require("./columns.js");
const { readRefusal } = require("./refusals.js");
const { supports, tokenOf, typeOf } = require("./tokens.js");

const PACKAGE = "rongan_share.v1";
const LEFT_OUT = ["quota_left", "entry_index", "nonce"];
const DEADLINE_MS = 20_000;
const SERVICES = ["VerdictService", "ContributionService", "AgreementService"];
const STATUS_NAMES = Object.fromEntries(
  Object.entries(grpc.status).map(([name, number]) => [number, name]),
);

class Partner {
  constructor(job) {
    const protos = ["verdict", "contribution", "agreement"];
    this.types = loader.loadSync(
      protos.map((name) => `rongan_share/v1/${name}_service.proto`),
      { includeDirs: [job.protos], keepCase: true, longs: String, enums: String, defaults: true },
    );
    const read = (name) => fs.readFileSync(path.join(job.credentials, name));
    const tls = grpc.credentials.createSsl(
      read("roots.pem"), read("key.pem"), read("certificate.pem"),
    );
    const services = grpc.loadPackageDefinition(this.types).rongan_share.v1;
    this.stubs = Object.fromEntries(
      SERVICES.map((name) => [name, new services[name](job.target, tls)]),
    );
  }

  close() {
    Object.values(this.stubs).forEach((stub) => stub.close());
  }

  unary(service, method, request) {
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + DEADLINE_MS };
      this.stubs[service][method](request, options, (error, answer) => {
        if (error) reject(error);
        else resolve(answer);
      });
    });
  }

  /** Sends all messages of a stream; gives the answers, and the refusal that ended it if one did. */
  stream(service, method, messages) {
    return new Promise((resolve) => {
      const answers = [];
      const call = this.stubs[service][method]({ deadline: Date.now() + DEADLINE_MS });
      call.on("data", (answer) => answers.push(answer));
      call.on("end", () => resolve({ answers, refusal: null }));
      call.on("error", (error) => {
        resolve({ answers, refusal: readRefusal(error, STATUS_NAMES) });
      });
      messages.forEach((message) => call.write(message));
      call.end();
    });
  }

  async learnEpoch() {
    const epoch = await this.unary("AgreementService", "GetTokenEpoch", {});
    this.epoch = { suite: epoch.suite, epoch: epoch.epoch };
    this.key = epoch.key;
  }

  token(canonical) {
    return tokenOf(this.epoch.suite.replace("SUITE_", ""), this.key, canonical);
  }

  tokens(canonicals) {
    return Buffer.concat(canonicals.map((canonical) => this.token(canonical)));
  }

  typeByte(canonical) {
    const name = `IDENTIFIER_TYPE_${typeOf(canonical)}`;
    const values = this.types[`${PACKAGE}.IdentifierType`].type.value;
    return values.find((value) => value.name === name).number;
  }

  canonical(name, message, skip) {
    return encodeMessage(this.types, `${PACKAGE}.${name}`, message, skip);
  }

  /** What the audit log's entry must hold of a question and its answer. */
  commitments(question, name, answer) {
    return {
      entry_index: Number(answer.entry_index),
      request_commitment: commitment(answer.nonce, question).toString("hex"),
      answer_commitment: commitment(
        answer.nonce, this.canonical(name, answer, LEFT_OUT),
      ).toString("hex"),
    };
  }
}

async function check(partner, step) {
  const request = {
    ...step.terms,
    ...partner.epoch,
    request_id: Buffer.from(step.request_id, "hex"),
    tokens: partner.tokens(step.canonicals),
    types: Buffer.from(step.canonicals.map((canonical) => partner.typeByte(canonical))),
  };
  const answer = await partner.unary("VerdictService", "CheckSubject", request);
  const question = partner.canonical("CheckSubjectRequest", request);
  return {
    state: answer.state,
    token_states: answer.token_states,
    summary: answer.summary,
    matched_count: answer.matched_count,
    listings: answer.listings,
    coverage: answer.coverage,
    not_granted: answer.not_granted,
    quota_left: answer.quota_left,
    ...partner.commitments(question, "CheckSubjectResponse", answer),
  };
}

async function stream(partner, step) {
  const open = { ...step.terms, ...partner.epoch, batch_id: Buffer.from(step.batch_id, "hex") };
  const frames = step.frames.map((each, at) => ({
    frame_number: String((step.first ?? 1) + at),
    tokens: each.cut ? Buffer.alloc(each.cut) : partner.tokens(each.canonicals),
    types: Buffer.from((each.canonicals ?? []).map((canonical) => partner.typeByte(canonical))),
    subject_end: writeIndices(each.subject_end ?? []),
  }));
  const messages = [{ open }, ...frames.map((frame) => ({ frame }))];
  const { answers, refusal } = await partner.stream("VerdictService", "StreamVerdicts", messages);
  return {
    refusal,
    answers: answers.map((answer, at) => ({
      frame_number: answer.frame_number,
      ...readAnswer(answer, frames[at].tokens.length / 16),
      ...partner.commitments(
        framed(partner, ["VerdictOpen", open], ["VerdictFrame", frames[at]]),
        "StreamVerdictsResponse",
        answer,
      ),
    })),
  };
}

async function contribute(partner, step) {
  const open = { ...partner.epoch, stream_id: Buffer.from(step.stream_id, "hex") };
  const frames = step.frames.map((rows, at) => ({
    frame_number: String((step.first ?? 1) + at),
    ...writeRows(rows.map((row) => ({
      ...row,
      reference: Buffer.from(row.reference, "hex"),
      token: partner.token(row.canonical),
      type: partner.typeByte(row.canonical),
    }))),
  }));
  const messages = [{ open }, ...frames.map((frame) => ({ frame }))];
  const { answers, refusal } = await partner.stream("ContributionService", "Contribute", messages);
  return {
    refusal,
    answers: answers.map((answer, at) => ({
      frame_number: answer.frame_number,
      sequence: answer.sequence,
      added_count: answer.added_count,
      unchanged_count: answer.unchanged_count,
      repeated: answer.repeated,
      ...partner.commitments(
        framed(partner, ["ContributeOpen", open], ["ContributeFrame", frames[at]]),
        "ContributeResponse",
        answer,
      ),
    })),
  };
}

/** The canonical bytes of one question of a stream: `open`, then the frame. */
function framed(partner, [openName, open], [frameName, frame]) {
  return Buffer.concat([
    encodeField(1, partner.canonical(openName, open)),
    encodeField(2, partner.canonical(frameName, frame)),
  ]);
}

const STEPS = { check, stream, contribute };

async function run(job) {
  const partner = new Partner(job);
  const results = [];
  try {
    await partner.learnEpoch();
    for (const step of job.steps) {
      try {
        results.push(await STEPS[step.do](partner, step));
      } catch (error) {
        if (error.metadata === undefined) throw error;
        results.push({ refusal: readRefusal(error, STATUS_NAMES) });
      }
    }
  } finally {
    partner.close();
  }
  return results;
}

/** Makes every published token; lists by type and suite what differs and what cannot be made. */
function verifyVectors(published) {
  const key = Buffer.from(published.key, "hex");
  const result = { equal: [], wrong: [], not_made: [] };
  for (const { type, canonical, tokens } of published.vectors) {
    if (typeOf(canonical) !== type) result.wrong.push(`${type}: names another type`);
    for (const [suite, token] of Object.entries(tokens)) {
      const made = supports(suite) ? tokenOf(suite, key, canonical).toString("hex") : null;
      const list = made === null ? "not_made" : made === token ? "equal" : "wrong";
      result[list].push(`${type} ${suite}`);
    }
  }
  return result;
}

async function main([command, file]) {
  const input = JSON.parse(fs.readFileSync(file, "utf8"));
  const result = command === "vectors" ? verifyVectors(input) : await run(input);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
