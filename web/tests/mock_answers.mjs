// What the mock server answers: fixed texts and the `kith` objects that go with them.

function find(article, from, to) {
  const start = article.text.indexOf(from);
  const end = article.text.indexOf(to, start) + to.length;
  if (start < 0 || end < to.length) throw new Error(`no such passage in ${article.id}: ${from}`);
  return {
    id: article.id,
    title: article.title,
    start: Buffer.byteLength(article.text.slice(0, start)),
    end: Buffer.byteLength(article.text.slice(0, end)),
    text: article.text.slice(start, end),
  };
}

// The passage stands behind pound signs, so that its byte offsets differ from UTF-16 offsets.
export function passagesOf(articles) {
  return [
    find(articles.get('kb-023'), 'A laptop becomes due', 'Warden record.'),
    find(articles.get('kb-066'), '二维码只在 90 秒内有效', '先把旧机移除。'),
  ];
}

const kField = {
  text: '1. Your laptop is due after 48 months.\n2. Warden tells you when.\n3. No signal? Write it down, order later.\n4. With bars: Harbor, Catalogue, Computing, New laptop.\n5. Stuck? Ring **+44 113 555 0148**, day and night.',
  persona: { field_worker: 0.936, new_hire: 0.031, knowledge_worker: 0.017, admin_hr: 0.012, leadership: 0.004 },
  evidence: [
    { persona: 'field_worker', source: 'attribute', detail: 'department=Field Service', weight: 2.61 },
    { persona: 'field_worker', source: 'attribute', detail: 'grade=technician', weight: 2.4 },
    { persona: 'field_worker', source: 'words', detail: 'tablet, truck', weight: 0.55 },
    { persona: 'new_hire', source: 'attribute', detail: 'tenure=over 5 years', weight: -0.9 },
  ],
  style: {
    asked: { persona: 'Field worker', tone: 'plain and direct', reading_level: 5, length: 'short', format: 'numbered steps of at most twelve words, offline way first, then the phone number', language: 'user' },
    measured: { language: 'en', reading_level: 4.6, words: 38, sentences: 5 },
  },
};

const kDesk = {
  text: 'A laptop is due for replacement after 48 months, because that is the length of the refresh cycle that Warden counts from the day of issue.\n\nYou have two options before that date:\n- Ask for a memory upgrade, which keeps the current machine and needs one approval.\n- Move heavy models to Porthole, which costs nothing and is available at once.\n\nThe first is usually worth it when less than a year of the cycle is gone.',
  persona: { knowledge_worker: 0.881, leadership: 0.064, admin_hr: 0.034, new_hire: 0.013, field_worker: 0.008 },
  evidence: [
    { persona: 'knowledge_worker', source: 'attribute', detail: 'department=Engineering', weight: 2.2 },
    { persona: 'knowledge_worker', source: 'attribute', detail: 'grade=senior', weight: 1.3 },
    { persona: 'leadership', source: 'context', detail: 'device=laptop', weight: 0.3 },
  ],
  style: {
    asked: { persona: 'Knowledge worker', tone: 'analytical and collegial', reading_level: 12, length: 'long', format: 'paragraphs that explain the cause, then compare options', language: 'user' },
    measured: { language: 'en', reading_level: 10.8, words: 79, sentences: 6 },
  },
};

const kPlain = {
  text: 'A laptop is due for replacement after 48 months.',
  style: { measured: { language: 'en', words: 9, sentences: 1 } },
};

function answerFor(user) {
  if (user === undefined) return kPlain;
  return /technician|operator|installer/i.test(`${user.attributes.grade} ${user.attributes.title}`) ? kField : kDesk;
}

function planOf(isPersonal) {
  const used = (technique, reason, tokens, ms) => ({ technique, used: true, reason, tokens, ms });
  const unused = (technique, reason) => ({ technique, used: false, reason, tokens: 0, ms: 0 });
  if (!isPersonal) {
    return [unused('persona', 'nobody is asking'), used('knowledge', '2 passages found', 212, 3.1)];
  }
  return [
    used('persona', 'attributes and words are clear', 0, 0.4),
    used('adapter', 'the persona has a trained adapter', 0, 0),
    used('style', 'the style card of the persona', 61, 0),
    used('knowledge', '2 passages found', 212, 3.1),
    unused('history', 'no earlier conversation is about this'),
    used('candidates', '2 drafts and an answer cut from the passages', 0, 0),
  ];
}

const candidates = (text) => [
  { source: 'draft', ne: 0.71, mean_logprob: -0.62, grounding: 0.93, chosen: true, excerpt: text.slice(0, 60) },
  { source: 'extractive', ne: 0.58, grounding: 1, chosen: false, excerpt: 'A laptop becomes due for replacement after 48 months.' },
  { source: 'draft', ne: 0.22, mean_logprob: -1.35, grounding: 0.31, chosen: false, excerpt: 'You can order one at any time.' },
];

// The parts known before the first word, the text, and the whole object at the end.
export function replyTo({ user, conversation, decision, question, numMessages, passages }) {
  const { text, persona, evidence, style } = answerFor(user);
  const head = {
    ...(user && { user: user.id, conversation, decision, adapter: Object.keys(persona)[0] }),
    ...(persona && { persona, assigned_persona: Object.keys(persona)[0], evidence }),
    plan: planOf(user !== undefined),
    passages,
    ...(style.asked && { style: { asked: style.asked } }),
  };
  const spoken = numMessages > 1 ? `After ${numMessages - 1} earlier messages.\n\n${text}` : text;
  const whole = {
    ...head,
    candidates: candidates(text),
    probability: 1,
    style,
    ...(question.includes('[degraded]') && { degraded: [{ step: 'history', reason: 'took longer than 250 ms' }] }),
    timing: { total_ms: 1840.2, personalize_ms: 6.4, generate_ms: 1829.9, record_ms: 2.1, queue_ms: 0.3, prefill_ms: 310.6, decode_ms: 1518.4 },
  };
  return { head, text: spoken, whole };
}
