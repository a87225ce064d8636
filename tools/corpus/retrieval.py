"""A small BM25 index over the chunks of articles, so that training prompts carry the passages that serving would find."""
import collections
import math
import re


def terms(text):
    words = re.findall(r"[a-z0-9][a-z0-9-]*", text.lower())
    for run in re.findall(r"[\u4e00-\u9fff]+", text):
        words += [run[i:i + 2] for i in range(max(1, len(run) - 1))]
    return words


class Index:
    """entries: [(title, text, payload)]"""

    def __init__(self, entries, k1=1.2, b=0.75):
        self.entries, self.k1, self.b = entries, k1, b
        self.counts = [collections.Counter(terms(title + " " + title + " " + text)) for title, text, _ in entries]
        self.lengths = [sum(c.values()) for c in self.counts]
        self.mean = sum(self.lengths) / max(1, len(self.lengths))
        frequency = collections.Counter(t for c in self.counts for t in c)
        total = len(entries)
        self.idf = {t: math.log(1 + (total - n + 0.5) / (n + 0.5)) for t, n in frequency.items()}

    def search(self, query, count=1):
        """Best entries with their scores, best first."""
        scored = []
        wanted = set(terms(query))
        for i, counts in enumerate(self.counts):
            score = 0.0
            for t in wanted & counts.keys():
                weight = counts[t] * (self.k1 + 1) / (counts[t] + self.k1 * (1 - self.b + self.b * self.lengths[i] / self.mean))
                score += self.idf[t] * weight
            if score > 0:
                scored.append((score, i))
        scored.sort(key=lambda pair: (-pair[0], pair[1]))
        return [(score, *self.entries[i]) for score, i in scored[:count]]
