#include "kith/storage/sqlite/knowledge_store.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kith/base/json.h"

namespace kith::storage::sqlite {
namespace {

struct StoredDocument {
  std::int64_t row = 0;
  DocumentRow document;
};

std::vector<std::string> read_access(Session& session, std::int64_t document_row) {
  std::vector<std::string> access;
  Query query =
      session.query("SELECT access FROM document_access WHERE document_row = ? ORDER BY place");
  query.bind(document_row);
  while (query.step()) access.push_back(query.text(0));
  return access;
}

StoredDocument read_document(Session& session, const Query& query) {
  StoredDocument stored;
  stored.row = query.integer(0);
  stored.document =
      DocumentRow{DocumentId(query.text(1)),        query.text(2), query.text(3),   query.text(4),
                  read_access(session, stored.row), query.text(5), query.integer(6)};
  return stored;
}

std::optional<StoredDocument> find_document(Session& session, const TenantScope& scope,
                                            const DocumentId& id) {
  Query query = session.query(
      "SELECT row, document, title, text, lang, content_hash, updated_at FROM documents "
      "WHERE tenant = ? AND document = ?");
  query.bind(scope.tenant, id);
  if (!query.step()) return std::nullopt;
  return read_document(session, query);
}

void delete_document(Session& session, std::int64_t document_row) {
  session
      .query(
          "DELETE FROM chunk_words WHERE rowid IN "
          "(SELECT row FROM chunks WHERE document_row = ?)")
      .bind(document_row)
      .run();
  session.query("DELETE FROM documents WHERE row = ?").bind(document_row).run();
}

void insert_document(Session& session, const TenantScope& scope, const DocumentRow& document,
                     std::span<const NewChunk> chunks) {
  session.query("INSERT INTO documents VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)")
      .bind(scope.tenant, document.id, document.title, document.text, document.lang,
            document.content_hash, document.updated_at)
      .run();
  const std::int64_t row = session.database().getLastInsertRowid();
  int place = 0;
  for (const std::string& group : document.access) {
    session.query("INSERT INTO document_access VALUES (?, ?, ?)").bind(row, place++, group).run();
  }
  for (const NewChunk& chunk : chunks) {
    session.query("INSERT INTO chunks VALUES (NULL, ?, ?, ?, ?)")
        .bind(row, chunk.heading, chunk.start, chunk.end)
        .run();
    session.query("INSERT INTO chunk_words (rowid, title, body) VALUES (?, ?, ?)")
        .bind(session.database().getLastInsertRowid(), chunk.title_words, chunk.body_words)
        .run();
  }
}

Status check_chunks(const DocumentRow& document, std::span<const NewChunk> chunks) {
  const auto is_outside = [&](const NewChunk& chunk) {
    return chunk.start > chunk.end || chunk.end > document.text.size();
  };
  if (std::any_of(chunks.begin(), chunks.end(), is_outside)) {
    return Error{ErrorCode::kInvalidArgument, "a chunk must lie within its document's text"};
  }
  return {};
}

// A term as an FTS5 string: no character of it is query syntax.
std::string quote(const std::string& term) {
  std::string quoted = "\"";
  for (const char c : term) {
    if (c == '\0') continue;
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

// "a" OR "b"; empty without terms.
std::string any_of_terms(const std::vector<std::string>& terms) {
  std::string match;
  for (const std::string& term : terms) {
    if (!match.empty()) match += " OR ";
    match += quote(term);
  }
  return match;
}

std::string to_json_array(std::vector<std::string> groups) {
  groups.emplace_back(kAccessAll);
  return base::dump_json(base::Json(groups));
}

// The best matches are cut by score alone before documents are looked up and texts read.
constexpr const char* kSearch = R"sql(
SELECT d.document, d.title, c.heading, d.lang,
  substr(CAST(d.text AS BLOB), c.start + 1, c."end" - c.start), c.start, c."end", hit.score
FROM (SELECT rowid AS row, -bm25(chunk_words, ?, 1.0) AS score
      FROM chunk_words WHERE chunk_words MATCH ? ORDER BY score DESC, row LIMIT ?) AS hit
JOIN chunks AS c ON c.row = hit.row
JOIN documents AS d ON d.row = c.document_row
WHERE d.tenant = ? AND (? = '' OR d.lang = ?)
  AND (NOT EXISTS (SELECT 1 FROM document_access AS a WHERE a.document_row = d.row)
       OR EXISTS (SELECT 1 FROM document_access AS a WHERE a.document_row = d.row
                  AND a.access IN (SELECT value FROM json_each(?))))
ORDER BY hit.score DESC, hit.row LIMIT ?
)sql";

constexpr std::size_t kMaxHits = 10'000;

// How many of the best matches are looked at, as multiples of the limit: most readers may see most
// documents, so the first step nearly always suffices. -1 stands for all.
constexpr std::array<std::int64_t, 3> kDepths = {4, 64, -1};

std::vector<ChunkHit> search_to_depth(Session& session, const TenantScope& scope,
                                      const KnowledgeQuery& query, const std::string& match,
                                      std::int64_t depth) {
  std::vector<ChunkHit> hits;
  Query rows = session.query(kSearch);
  rows.bind(query.title_weight, match, depth, scope.tenant, query.lang, query.lang,
            to_json_array(query.access), std::min(query.limit, kMaxHits));
  while (rows.step()) {
    hits.push_back(ChunkHit{DocumentId(rows.text(0)), rows.text(1), rows.text(2), rows.text(3),
                            rows.text(4), static_cast<std::size_t>(rows.integer(5)),
                            static_cast<std::size_t>(rows.integer(6)), rows.number(7)});
  }
  return hits;
}

}  // namespace

Result<WriteOutcome> SqliteKnowledgeStore::put(const TenantScope& scope,
                                               const DocumentRow& document,
                                               std::span<const NewChunk> chunks) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  KITH_RETURN_IF_ERROR(check_row_id(document.id.str(), "document id"));
  KITH_RETURN_IF_ERROR(check_chunks(document, chunks));
  return database_.write([&](Session& session) -> Result<WriteOutcome> {
    const auto stored = find_document(session, scope, document.id);
    if (stored && stored->document.content_hash == document.content_hash) {
      return WriteOutcome::kUnchanged;
    }
    if (stored) delete_document(session, stored->row);
    insert_document(session, scope, document, chunks);
    return stored ? WriteOutcome::kUpdated : WriteOutcome::kAdded;
  });
}

Result<std::optional<DocumentRow>> SqliteKnowledgeStore::find(const TenantScope& scope,
                                                              const DocumentId& id) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::optional<DocumentRow>> {
    auto stored = find_document(session, scope, id);
    if (!stored) return std::optional<DocumentRow>{};
    return std::optional<DocumentRow>(std::move(stored->document));
  });
}

Result<std::vector<DocumentRow>> SqliteKnowledgeStore::list(const TenantScope& scope,
                                                            const DocumentId& after,
                                                            std::size_t limit) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<DocumentRow>> {
    std::vector<DocumentRow> documents;
    Query query = session.query(
        "SELECT row, document, title, text, lang, content_hash, updated_at FROM documents "
        "WHERE tenant = ? AND document > ? ORDER BY document LIMIT ?");
    query.bind(scope.tenant, after, limit);
    while (query.step()) documents.push_back(read_document(session, query).document);
    return documents;
  });
}

Result<bool> SqliteKnowledgeStore::erase(const TenantScope& scope, const DocumentId& id) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  KITH_ASSIGN_OR_RETURN(const bool existed, database_.write([&](Session& session) -> Result<bool> {
    const auto stored = find_document(session, scope, id);
    if (!stored) return false;
    delete_document(session, stored->row);
    // Deleted terms stay in the index's segments until these are merged.
    session.exec("INSERT INTO chunk_words (chunk_words) VALUES ('optimize')");
    return true;
  }));
  KITH_RETURN_IF_ERROR(database_.scrub());
  return existed;
}

Result<std::vector<ChunkHit>> SqliteKnowledgeStore::search(const TenantScope& scope,
                                                           const KnowledgeQuery& query) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  const std::string match = any_of_terms(query.terms);
  if (match.empty()) return std::vector<ChunkHit>{};
  return database_.read([&](Session& session) -> Result<std::vector<ChunkHit>> {
    const auto limit = static_cast<std::int64_t>(std::min(query.limit, kMaxHits));
    std::vector<ChunkHit> hits;
    for (const std::int64_t depth : kDepths) {
      hits = search_to_depth(session, scope, query, match, depth < 0 ? depth : depth * limit);
      if (std::cmp_greater_equal(hits.size(), limit)) break;
    }
    return hits;
  });
}

Result<std::vector<std::int64_t>> SqliteKnowledgeStore::count_terms(
    const TenantScope& scope, std::span<const std::string> terms) {
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return database_.read([&](Session& session) -> Result<std::vector<std::int64_t>> {
    // Without the tenant: looking up each match's document would cost more than the search.
    std::vector<std::int64_t> counts;
    // Where there are no documents yet, words need not be looked up one by one.
    if (!session.query("SELECT 1 FROM chunks LIMIT 1").step()) {
      counts.resize(terms.size());
      return counts;
    }
    for (const std::string& term : terms) {
      Query query = session.query("SELECT count(*) FROM chunk_words WHERE chunk_words MATCH ?");
      query.bind(quote(term));
      counts.push_back(query.step() ? query.integer(0) : 0);
    }
    return counts;
  });
}

}  // namespace kith::storage::sqlite
