// An article with the passage that an answer cites, highlighted.

import { useEffect, useRef, useState } from 'react';

import { fetchArticle } from '../api/directory';
import { isAbort, toFailure } from '../api/failure';
import type { Article, Passage } from '../api/types';
import { Modal } from '../shell/modal';
import { FormattedText } from '../text/formatted_text';
import { utf16Range } from '../text/utf8_offsets';

type Loaded = { article: Article } | { error: string } | undefined;

function useArticle(id: string, user: string): Loaded {
  const [loaded, setLoaded] = useState<Loaded>(undefined);
  useEffect(() => {
    const controller = new AbortController();
    setLoaded(undefined);
    fetchArticle(id, user, controller.signal).then(
      (article) => setLoaded({ article }),
      (error: unknown) => {
        if (!isAbort(error)) setLoaded({ error: toFailure(error).message });
      },
    );
    return () => controller.abort();
  }, [id, user]);
  return loaded;
}

function ArticleText({ article, passage }: { article: Article; passage: Passage }) {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    root.current?.querySelector('mark')?.scrollIntoView({ block: 'center' });
  }, [article, passage]);
  return (
    <div ref={root} className="article" lang={article.lang}>
      <FormattedText text={article.text} range={utf16Range(article.text, passage)} />
    </div>
  );
}

interface PassageDrawerProps {
  passage: Passage;
  // Whose answer cites it.
  user: string;
  onClose: () => void;
}

export function PassageDrawer({ passage, user, onClose }: PassageDrawerProps) {
  const loaded = useArticle(passage.id, user);
  return (
    <Modal className="drawer" title={passage.title} onClose={onClose}>
      <p className="muted drawer-id">
        Article {passage.id}, bytes {passage.start} to {passage.end}
      </p>
      {/* Focusable, so that the arrow keys scroll it. */}
      <div className="drawer-scroll" tabIndex={0} role="region" aria-label="Article">
        {loaded === undefined && <p className="muted">Opening the article…</p>}
        {loaded !== undefined && 'error' in loaded && (
          <p role="alert">The article did not open: {loaded.error}</p>
        )}
        {loaded !== undefined && 'article' in loaded && (
          <ArticleText article={loaded.article} passage={passage} />
        )}
      </div>
    </Modal>
  );
}
