// Questions of the service-desk example (examples/service-desk/questions), offered only where its
// articles are served.

export interface Example {
  article: string;
  lang: 'en' | 'zh';
  question: string;
}

export const kExamples: readonly Example[] = [
  { article: 'kb-005', lang: 'en', question: 'How quickly must I report a lost key so it can be struck off?' },
  { article: 'kb-023', lang: 'en', question: 'After how long is a laptop due for replacement?' },
  { article: 'kb-025', lang: 'en', question: 'After how many hours are uncollected print jobs deleted?' },
  { article: 'kb-045', lang: 'en', question: 'How large does the mailbox become with Postroom Plus?' },
  { article: 'kb-030', lang: 'en', question: 'From when are new orders blocked on a tablet that has not synced?' },
  { article: 'kb-066', lang: 'zh', question: '绑定 Keyring Tap 时屏幕上的二维码多长时间会过期？' },
  { article: 'kb-069', lang: 'zh', question: '测试仪器应该连哪个无线网络？' },
];
