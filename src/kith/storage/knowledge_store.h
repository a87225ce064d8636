// Port for a tenant's documents, cut into chunks and searchable by words. Segmentation into words
// is the caller's (memory/knowledge.h): index texts and query terms come as lower-cased words,
// Chinese as bigrams, so that one index serves all languages. Thread-safety, durability and common
// errors: see user_store.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/storage/scope.h"
#include "kith/storage/user_store.h"

namespace kith::storage {

// The access group that everybody is in. A document without groups is open to everybody as well.
inline constexpr const char* kAccessAll = "all";

struct DocumentRow {
  DocumentId id;
  std::string title;
  std::string text;
  std::string lang;                 // BCP 47 primary tag ("en"); empty if unknown
  std::vector<std::string> access;  // groups that may read it
  std::string content_hash;         // of everything above; equal means unchanged
  base::UnixMicros updated_at = 0;

  friend bool operator==(const DocumentRow&, const DocumentRow&) = default;
};

// Part of a document: the bytes [start, end) of its text.
struct NewChunk {
  std::string heading;    // nearest heading above, empty if none
  std::size_t start = 0;  // byte offsets into DocumentRow::text, on UTF-8 boundaries
  std::size_t end = 0;
  std::string title_words;  // segmented title and heading, separated by spaces
  std::string body_words;   // segmented text, separated by spaces
};

struct KnowledgeQuery {
  std::vector<std::string> terms;   // segmented; a chunk matches if it holds any of them
  std::vector<std::string> access;  // the reader's groups; kAccessAll is implied
  std::string lang;                 // only documents of this language; empty for all
  double title_weight = 3.0;        // bm25 weight of title and heading against the body's 1
  std::size_t limit = 10;
};

struct ChunkHit {
  DocumentId document;
  std::string title;
  std::string heading;
  std::string lang;
  std::string text;  // the chunk's bytes
  std::size_t start = 0;
  std::size_t end = 0;
  double score = 0.0;  // bm25, higher is better

  friend bool operator==(const ChunkHit&, const ChunkHit&) = default;
};

class KnowledgeStore {
 public:
  virtual ~KnowledgeStore() = default;

  // Writes a document with its chunks, replacing an older one of the same id; kUnchanged if the
  // content hash is equal.
  // Errors: kInvalidArgument if a chunk's range does not lie in the text.
  virtual Result<WriteOutcome> put(const TenantScope& scope, const DocumentRow& document,
                                   std::span<const NewChunk> chunks) = 0;
  virtual Result<std::optional<DocumentRow>> find(const TenantScope& scope,
                                                  const DocumentId& id) = 0;
  // At most `limit` documents with an id above `after`, in order of id.
  virtual Result<std::vector<DocumentRow>> list(const TenantScope& scope, const DocumentId& after,
                                                std::size_t limit) = 0;
  // False if there was none. No byte of the document stays in the backend's files.
  virtual Result<bool> erase(const TenantScope& scope, const DocumentId& id) = 0;
  // Best first. Empty without terms or matches.
  virtual Result<std::vector<ChunkHit>> search(const TenantScope& scope,
                                               const KnowledgeQuery& query) = 0;
  // In how many chunks each term stands, [num_terms]: what tells rare terms from common ones. A
  // backend that keeps several tenants in one index may count over all of them.
  virtual Result<std::vector<std::int64_t>> count_terms(const TenantScope& scope,
                                                        std::span<const std::string> terms) = 0;
};

}  // namespace kith::storage
