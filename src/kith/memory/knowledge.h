// A tenant's documents: cut into passages, indexed, searched.
//
// Method: bm25 over passages, title and headings weighted, of the query's terms without function
// words; of these the rarest, while their passages together stay below a bound, as common ones cost
// time and tell nothing (bm25 weighs a term in half of all passages with zero). A passage then
// gains from the other passages of its document that match, and from being in the reader's
// language.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kith/base/clock.h"
#include "kith/base/result.h"
#include "kith/storage/knowledge_store.h"
#include "kith/storage/record_reader.h"

namespace kith::memory {

// A document as it is given.
struct Document {
  DocumentId id;
  std::string title;
  std::string text;                 // Markdown or plain
  std::string lang;                 // empty: detected
  std::vector<std::string> access;  // groups that may read it; empty: everybody
};

struct Passage {
  DocumentId id;
  std::string title;
  std::string heading;
  std::string lang;
  std::string text;
  std::size_t start = 0;  // bytes [start, end) of the document's text
  std::size_t end = 0;
  double score = 0.0;  // higher is better; comparable within one search only
};

struct SearchRequest {
  std::string query;
  std::vector<std::string> access;  // the reader's groups
  std::string lang;                 // the reader's language; empty: the query's
  std::size_t k = 5;
};

struct KnowledgeOptions {
  std::size_t max_chunk_bytes = 900;
  // Weight of title and heading against the body's 1.
  double title_weight = 1.0;
  // Share of the best other passage's score that a passage of the same document gains.
  double document_weight = 0.1;
  // Factor for passages in another language than the reader's.
  double foreign_factor = 0.5;
  // The rarest terms are searched whose passages together stay below this; always the rarest two.
  std::int64_t max_postings = 6'000;
};

// Thread-safe. Borrows store and clock.
class Knowledge {
 public:
  Knowledge(storage::KnowledgeStore& store, const base::Clock& clock,
            KnowledgeOptions options = {});

  // Adds the document, or replaces the one of the same id if anything changed.
  // Errors: kInvalidArgument if id or text is empty, or the text is not valid UTF-8.
  Result<storage::WriteOutcome> add(const storage::TenantScope& scope, const Document& document);

  // Imports {id, title, text, lang, access[]} from JSONL or CSV (there `access` is one text, groups
  // separated by spaces, commas or semicolons). Twice changes nothing.
  // Errors: those of storage::import_records.
  Result<storage::ImportReport> import(const storage::TenantScope& scope,
                                       const std::filesystem::path& file,
                                       const storage::RecordOptions& options = {});

  // At most k passages that the reader may see, best first. Empty if nothing matches.
  Result<std::vector<Passage>> search(const storage::TenantScope& scope,
                                      const SearchRequest& request);

 private:
  Result<std::vector<std::string>> choose_terms(const storage::TenantScope& scope,
                                                const std::string& query);

  storage::KnowledgeStore& store_;
  const base::Clock& clock_;
  KnowledgeOptions options_;
};

}  // namespace kith::memory
