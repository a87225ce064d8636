// A stand-in for Kith's HTTP interface (docs/formats/http.md), for the tests of the page: it serves
// web/dist, the people and articles of the service-desk example, and canned answers. Words in the
// question steer it: [busy] refuses once with 429, [fail] with 500, [cut] breaks the stream, [error]
// sends an error in the stream, [slow] takes long, [degraded] leaves a step out.
//
//   node tests/mock_server.mjs [PORT]      GET /mock/log tells what it was sent; POST /mock/reset
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { passagesOf, replyTo } from './mock_answers.mjs';

const kRoot = join(dirname(fileURLToPath(import.meta.url)), '..');
const kDesk = join(kRoot, '../examples/service-desk');
const kPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const kTypes = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };

const lines = (file) => readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
const users = lines(join(kDesk, 'employees.jsonl'));
const articles = new Map(
  readdirSync(join(kDesk, 'knowledge')).flatMap((file) => lines(join(kDesk, 'knowledge', file))).map((a) => [a.id, a]),
);
const passages = passagesOf(articles);
const personas = [
  ['leadership', 'Leadership', 'Directors, heads of department and executives. They decide, they have minutes, and they answer for risk, cost and dates.', 11],
  ['knowledge_worker', 'Knowledge worker', 'Engineers, analysts, designers and finance staff at a desk.', 12],
  ['field_worker', 'Field worker', 'Service technicians, installers and warehouse staff, often with gloves on.', 5],
  ['admin_hr', 'Admin and HR', 'Assistants, HR partners, payroll, facilities and office managers.', 10],
  ['new_hire', 'New hire and intern', 'People in their first three months, interns and apprentices.', 7],
].map(([id, name, description, reading_level]) => ({ id, name, description, style: { reading_level } }));

let log;
let settings;
const reset = () => {
  log = { chats: [], feedback: [], cancelled: 0 };
  settings = { key: '', wasBusy: new Set(), serving: 1, changes: [] };
};
reset();

function sendJson(response, status, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

function sendError(response, status, message, headers) {
  sendJson(response, status, { error: { message, type: 'error', param: null, code: null } }, headers);
}

async function readJson(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text === '' ? {} : JSON.parse(text);
}

function event(id, delta, more = {}) {
  const choices = [{ index: 0, delta, finish_reason: null }];
  return `data: ${JSON.stringify({ id, object: 'chat.completion.chunk', choices, ...more })}\n\n`;
}

// Sends bytes in pieces that respect neither events nor characters.
async function sendCut(response, text, isSlow) {
  const bytes = Buffer.from(text);
  const size = isSlow ? 60 : 211;
  for (let at = 0; at < bytes.length && !response.destroyed; at += size) {
    response.write(bytes.subarray(at, at + size));
    await sleep(isSlow ? 40 : 4);
  }
}

async function streamReply(response, reply, question, decision) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Kith-Decision': decision });
  const isSlow = question.includes('[slow]');
  const words = reply.text.match(/\s*\S+/g);
  await sendCut(response, `${event(decision, { role: 'assistant', content: '' }, { kith: reply.head })}: ping\n\n`, false);
  for (const [index, word] of words.entries()) {
    if (response.destroyed) return;
    if (index === 6 && question.includes('[cut]')) return void response.destroy();
    if (index === 6 && question.includes('[error]')) {
      response.end(`data: ${JSON.stringify({ error: { message: 'the model stopped answering', type: 'server_error', param: null, code: null } })}\n\n`);
      return;
    }
    await sendCut(response, event(decision, { content: word }), isSlow);
  }
  const choices = [{ index: 0, delta: {}, finish_reason: 'stop' }];
  await sendCut(response, `data: ${JSON.stringify({ id: decision, choices, kith: reply.whole })}\n\ndata: [DONE]\n\n`, false);
  response.end();
}

async function postChat(request, response) {
  const body = await readJson(request);
  const id = request.headers['x-kith-user'] ?? body.kith?.user;
  const conversation = request.headers['x-kith-conversation'];
  const question = body.messages.at(-1).content;
  log.chats.push({ user: id, conversation, messages: body.messages, stream: body.stream });
  if (question.includes('[busy]') && !settings.wasBusy.has(id)) {
    settings.wasBusy.add(id);
    return sendError(response, 429, 'the queue is full', { 'Retry-After': '1' });
  }
  if (question.includes('[fail]')) return sendError(response, 500, 'internal error');
  response.on('close', () => {
    if (!response.writableFinished) log.cancelled += 1;
  });
  const decision = `dec-${log.chats.length}`;
  const user = users.find((item) => item.id === id);
  const reply = replyTo({ user, conversation, decision, question, numMessages: body.messages.length, passages });
  await streamReply(response, reply, question, decision);
}

async function postFeedback(request, response) {
  const body = await readJson(request);
  log.feedback.push(body);
  sendJson(response, 200, { applied_to: [body.decision], added: 1 });
}

function getUsers(url, response) {
  const kPage = 100;
  const after = url.searchParams.get('after');
  const from = after === null ? 0 : users.findIndex(({ id }) => id === after) + 1;
  const data = users.slice(from, from + kPage);
  const isMore = from + kPage < users.length;
  sendJson(response, 200, { object: 'list', data, ...(isMore && { next: data.at(-1).id }) });
}

function getArticle(id, response) {
  const article = articles.get(id);
  if (article === undefined) return sendError(response, 404, 'no such document');
  sendJson(response, 200, { id, title: article.title, text: article.text, lang: article.lang });
}

// Two versions, of which the second has passed its gate.
function versionsOf(persona) {
  const rows = [2, 1].map((version) => ({
    version,
    adapter: persona,
    status: version === settings.serving ? 'serving' : version < settings.serving ? 'retired' : 'candidate',
    created_at: '2026-03-01T09:30:00.000000Z',
    reason: `training ${version}`,
    ...(version === 1 && { flags: ['erased_contributor'] }),
    ...(version === 2 && { trial: { shadow: { answered: 40, dropped: 2 } } }),
    gate: { passed: true, checks: [{ name: 'own_loss', verdict: 'passed', reason: 'perplexity -4.10 %' }] },
  }));
  return { persona, adapter: persona, serving: settings.serving, versions: rows, history: settings.changes };
}

function shadowOf(persona, version) {
  const figure = { name: 'unknown_facts', better: 'down', shadow: 0.9, served: 0.4, change: 0.5, low: 0.21, high: 0.8, users: 12, answers: 40 };
  return {
    adapter: persona,
    version,
    serving: 1,
    users: 12,
    answers: 40,
    left_out: 0,
    same: 0.1,
    overlap: 0.6,
    better: [],
    worse: ['unknown_facts'],
    figures: [figure],
    examples: [{ shadow: 'Call 9999.', served: 'Call 4411.' }],
  };
}

// Every day the same, but the second, on which few asked.
function fleetOf(persona, from) {
  const kDay = 86_400_000;
  const begin = Date.parse(from);
  const days = Math.floor((Date.now() - begin) / kDay) + 1;
  const buckets = Array.from({ length: days }, (_, day) => ({
    from: new Date(begin + day * kDay).toISOString(),
    size: 40 + day,
    joined: 1,
    left: 0,
    to_own_users: { requests: 9 + day, users: 8, thumbs_up: 2, thumbs_down: 1 },
    ...(day === 1 ? { withheld: true } : { requests: 10 + day, users: 9, thumbs_up: 3, thumbs_down: 1, share: 0.25 }),
  }));
  const total = {
    size: 39 + days,
    joined: days,
    left: 2,
    to_own_users: { requests: 398, users: 36, thumbs_up: 88, thumbs_down: 11 },
    requests: 412,
    users: 37,
    thumbs_up: 90,
    thumbs_down: 12,
    share: 0.25,
  };
  return { persona, min_users: 5, size: total.size, share_of_users: 0.2, total, buckets };
}

async function changeVersion(persona, what, request, response) {
  const { version } = await readJson(request);
  const from = settings.serving;
  settings.serving = what === 'promote' ? version : 1;
  settings.changes.unshift({ version: settings.serving, adapter: persona, from: 'candidate', to: 'serving',
    by: 'ops', reason: `${what} from ${from}`, at: '2026-03-02T10:00:00.000000Z' });
  sendJson(response, 200, versionsOf(persona).versions.find((row) => row.version === settings.serving));
}

function getFile(pathname, response) {
  const file = join(kRoot, 'dist', normalize(pathname === '/' ? '/index.html' : pathname));
  if (!file.startsWith(join(kRoot, 'dist')) || !existsSync(file)) return sendError(response, 404, 'not found');
  response.writeHead(200, { 'Content-Type': kTypes[extname(file)] ?? 'application/octet-stream', 'Content-Security-Policy': kPolicy });
  createReadStream(file).pipe(response);
}

async function serve(request, response) {
  const url = new URL(request.url, 'http://localhost');
  const route = `${request.method} ${url.pathname}`;
  if (route === 'GET /mock/log') return sendJson(response, 200, log);
  if (route === 'POST /mock/reset') {
    reset();
    Object.assign(settings, await readJson(request));
    return sendJson(response, 200, {});
  }
  if (!url.pathname.startsWith('/v1/')) return getFile(url.pathname, response);
  if (settings.key !== '' && request.headers.authorization !== `Bearer ${settings.key}`) {
    return sendError(response, 401, 'a valid API key is needed');
  }
  if (route === 'POST /v1/chat/completions') return postChat(request, response);
  if (route === 'POST /v1/feedback') return postFeedback(request, response);
  if (route === 'GET /v1/users') return getUsers(url, response);
  if (route === 'GET /v1/personas') return sendJson(response, 200, { object: 'list', data: personas });
  if (route === 'GET /v1/models') return sendJson(response, 200, { object: 'list', data: [{ id: 'kith-service-desk', object: 'model' }] });
  const stats = /^\/v1\/personas\/([^/]+)\/stats$/.exec(url.pathname);
  if (stats !== null) return sendJson(response, 200, fleetOf(stats[1], url.searchParams.get('from')));
  const shadow = /^\/v1\/personas\/([^/]+)\/versions\/(\d+)\/shadow$/.exec(url.pathname);
  if (shadow !== null) return sendJson(response, 200, shadowOf(shadow[1], Number(shadow[2])));
  const versions = /^\/v1\/personas\/([^/]+)\/(versions|promote|rollback)$/.exec(url.pathname);
  if (versions !== null && versions[2] === 'versions') return sendJson(response, 200, versionsOf(versions[1]));
  if (versions !== null) return changeVersion(versions[1], versions[2], request, response);
  if (url.pathname.startsWith('/v1/knowledge/')) return getArticle(decodeURIComponent(url.pathname.slice(14)), response);
  return sendError(response, 404, 'no such route');
}

const port = Number(process.argv[2] ?? process.env.MOCK_PORT ?? 7790);
createServer((request, response) => {
  serve(request, response).catch((error) => {
    console.error(error);
    response.destroy();
  });
}).listen(port, '127.0.0.1', () => console.log(`mock server on http://127.0.0.1:${port}`));
