#include "kith/memory/knowledge.h"

#include <algorithm>
#include <map>

#include "kith/base/json.h"
#include "kith/memory/chunker.h"
#include "kith/memory/terms.h"
#include "kith/storage/digest.h"
#include "kith/text/language.h"
#include "kith/text/utf8.h"

namespace kith::memory {
namespace {

using base::Json;
using storage::ChunkHit;
using storage::TenantScope;
using storage::WriteOutcome;

// Candidates for each passage asked for: scores change when documents and languages are weighed.
constexpr std::size_t kCandidatesPerPassage = 6;
constexpr std::size_t kMinCandidates = 30;

// Part of every content hash: a new way of chunking or indexing must reach documents that did not
// change.
constexpr std::string_view kIndexVersion = "1";

std::string hash_of(const storage::DocumentRow& row) {
  std::string groups;
  for (const std::string& group : row.access) groups += group + '\n';
  return storage::digest({kIndexVersion, row.title, row.text, row.lang, groups});
}

Result<std::string> read_member(const Json& record, const char* key) {
  KITH_ASSIGN_OR_RETURN(auto text, base::read_string(record, key));
  return text.value_or("");
}

// A list of texts, or one text with separators as CSV has it.
Result<std::vector<std::string>> read_groups(const Json& record) {
  std::vector<std::string> groups;
  const auto found = record.find("access");
  if (found == record.end() || found->is_null()) return groups;
  if (found->is_array()) {
    for (const Json& group : *found) {
      if (!group.is_string()) {
        return Error{ErrorCode::kInvalidArgument, "\"access\" must be a list of texts"};
      }
      groups.push_back(group.get<std::string>());
    }
    return groups;
  }
  KITH_ASSIGN_OR_RETURN(const std::string text, read_member(record, "access"));
  constexpr std::string_view kSeparators = " ,;\t\r\n";
  std::size_t begin = 0;
  while ((begin = text.find_first_not_of(kSeparators, begin)) != std::string::npos) {
    const std::size_t end = std::min(text.find_first_of(kSeparators, begin), text.size());
    groups.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return groups;
}

Result<Document> read_document(const Json& record) {
  Document document;
  KITH_ASSIGN_OR_RETURN(std::string id, read_member(record, "id"));
  document.id = DocumentId(std::move(id));
  KITH_ASSIGN_OR_RETURN(document.title, read_member(record, "title"));
  KITH_ASSIGN_OR_RETURN(document.text, read_member(record, "text"));
  KITH_ASSIGN_OR_RETURN(document.lang, read_member(record, "lang"));
  KITH_ASSIGN_OR_RETURN(document.access, read_groups(record));
  return document;
}

std::vector<storage::NewChunk> index_chunks(const Document& document, std::size_t max_bytes) {
  std::vector<storage::NewChunk> chunks;
  for (Chunk& chunk : split_chunks(document.text, max_bytes)) {
    const std::string_view body =
        std::string_view(document.text).substr(chunk.start, chunk.end - chunk.start);
    chunks.push_back(storage::NewChunk{chunk.heading, chunk.start, chunk.end,
                                       to_index_terms(document.title + "\n" + chunk.heading),
                                       to_index_terms(body)});
  }
  return chunks;
}

// For each hit the best score of another hit of its document.
std::vector<double> best_siblings(const std::vector<ChunkHit>& hits) {
  std::map<DocumentId, std::vector<double>> scores;  // best first, as the hits are
  for (const ChunkHit& hit : hits) scores[hit.document].push_back(hit.score);
  std::map<DocumentId, bool> seen;
  std::vector<double> best;
  for (const ChunkHit& hit : hits) {
    const std::vector<double>& of_document = scores[hit.document];
    const bool is_first = seen.emplace(hit.document, true).second;
    const std::size_t other = is_first ? 1 : 0;
    best.push_back(other < of_document.size() ? of_document[other] : 0.0);
  }
  return best;
}

}  // namespace

Knowledge::Knowledge(storage::KnowledgeStore& store, const base::Clock& clock,
                     KnowledgeOptions options)
    : store_(store), clock_(clock), options_(options) {}

Result<WriteOutcome> Knowledge::add(const TenantScope& scope, const Document& document) {
  if (document.text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return Error{ErrorCode::kInvalidArgument, "a document's text must not be empty"};
  }
  if (!text::is_valid_utf8(document.text) || !text::is_valid_utf8(document.title)) {
    return Error{ErrorCode::kInvalidArgument, "a document's title and text must be valid UTF-8"};
  }
  storage::DocumentRow row{
      document.id, document.title, document.text, document.lang, document.access, "", clock_.now()};
  if (row.lang.empty()) row.lang = text::detect_language(document.text).code;
  row.content_hash = hash_of(row);
  return store_.put(scope, row, index_chunks(document, options_.max_chunk_bytes));
}

Result<storage::ImportReport> Knowledge::import(const TenantScope& scope,
                                                const std::filesystem::path& file,
                                                const storage::RecordOptions& options) {
  return storage::import_records(file, options, [&](const Json& record) -> Result<WriteOutcome> {
    KITH_ASSIGN_OR_RETURN(const Document document, read_document(record));
    return add(scope, document);
  });
}

Result<std::vector<std::string>> Knowledge::choose_terms(const TenantScope& scope,
                                                         const std::string& query) {
  const std::vector<std::string> terms = to_query_terms(query);
  KITH_ASSIGN_OR_RETURN(const std::vector<std::int64_t> counts, store_.count_terms(scope, terms));
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    if (counts[i] > 0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return counts[a] < counts[b]; });
  std::vector<std::string> chosen;
  std::int64_t postings = 0;
  for (const std::size_t i : order) {
    postings += counts[i];
    if (chosen.size() >= 2 && postings > options_.max_postings) break;
    chosen.push_back(terms[i]);
  }
  return chosen;
}

Result<std::vector<Passage>> Knowledge::search(const TenantScope& scope,
                                               const SearchRequest& request) {
  storage::KnowledgeQuery query;
  KITH_ASSIGN_OR_RETURN(query.terms, choose_terms(scope, request.query));
  if (query.terms.empty() || request.k == 0) return std::vector<Passage>{};
  query.access = request.access;
  query.title_weight = options_.title_weight;
  query.limit = std::max(kMinCandidates, kCandidatesPerPassage * request.k);
  KITH_ASSIGN_OR_RETURN(std::vector<ChunkHit> hits, store_.search(scope, query));

  const std::string lang =
      request.lang.empty() ? text::detect_language(request.query).code : request.lang;
  const std::vector<double> siblings = best_siblings(hits);
  std::vector<Passage> passages;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    ChunkHit& hit = hits[i];
    double score = hit.score + options_.document_weight * siblings[i];
    if (!lang.empty() && !hit.lang.empty() && hit.lang != lang) score *= options_.foreign_factor;
    passages.push_back(Passage{hit.document, std::move(hit.title), std::move(hit.heading),
                               std::move(hit.lang), std::move(hit.text), hit.start, hit.end,
                               score});
  }
  std::stable_sort(passages.begin(), passages.end(),
                   [](const Passage& a, const Passage& b) { return a.score > b.score; });
  if (passages.size() > request.k) passages.resize(request.k);
  return passages;
}

}  // namespace kith::memory
