#include "kith/storage/sqlite/sqlite_store_set.h"

#include <sqlite3.h>

#include "kith/base/file.h"
#include "kith/base/test_directory.h"
#include "kith/storage/faulty/faulty_store_set.h"
#include "kith/storage/storage_conformance.h"

namespace kith::storage {
namespace {

std::unique_ptr<StoreSet> open(const std::filesystem::path& file) {
  auto stores = open_sqlite(file);
  if (!stores) {
    ADD_FAILURE() << stores.error().message;
    std::abort();
  }
  return *std::move(stores);
}

class SqliteBackend final : public Backend {
 public:
  StoreSet& stores() override { return *stores_; }
  void reopen() override {
    stores_.reset();
    stores_ = open(directory_.path() / "kith.db");
  }

 private:
  base::TestDirectory directory_;
  std::unique_ptr<StoreSet> stores_ = open(directory_.path() / "kith.db");
};

class FaultlessBackend final : public Backend {
 public:
  StoreSet& stores() override { return *faulty_; }
  void reopen() override {
    faulty_.reset();
    inner_.reopen();
    faulty_ = make_faulty(inner_.stores());
  }

 private:
  SqliteBackend inner_;
  std::unique_ptr<FaultyStoreSet> faulty_ = make_faulty(inner_.stores());
};

INSTANTIATE_TEST_SUITE_P(
    Backends, StorageConformanceTest,
    testing::Values(BackendFactory{"sqlite", [] { return std::make_unique<SqliteBackend>(); }},
                    BackendFactory{"faulty", [] { return std::make_unique<FaultlessBackend>(); }}),
    [](const auto& test) { return test.param.name; });

// A raw connection, to make and inspect files behind the stores' back.
class RawDatabase {
 public:
  explicit RawDatabase(const std::filesystem::path& file) {
    EXPECT_EQ(sqlite3_open(file.c_str(), &handle_), SQLITE_OK);
  }
  RawDatabase(const RawDatabase&) = delete;
  RawDatabase& operator=(const RawDatabase&) = delete;
  ~RawDatabase() { sqlite3_close(handle_); }

  void run(const std::string& sql) {
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK)
        << (message ? message : "");
    sqlite3_free(message);
  }

  // First column of every row.
  std::vector<std::string> column(const std::string& sql) {
    return collect(sql, [](void* out, int, char** row, char**) {
      static_cast<std::vector<std::string>*>(out)->emplace_back(row[0] ? row[0] : "");
      return 0;
    });
  }
  std::vector<std::string> last_column(const std::string& sql) {
    return collect(sql, [](void* out, int count, char** row, char**) {
      static_cast<std::vector<std::string>*>(out)->emplace_back(row[count - 1] ? row[count - 1]
                                                                               : "");
      return 0;
    });
  }

 private:
  std::vector<std::string> collect(const std::string& sql, int (*add)(void*, int, char**, char**)) {
    std::vector<std::string> values;
    EXPECT_EQ(sqlite3_exec(handle_, sql.c_str(), add, &values, nullptr), SQLITE_OK) << sql;
    return values;
  }

  sqlite3* handle_ = nullptr;
};

class SqliteStoreSetTest : public testing::Test {
 protected:
  std::filesystem::path file() const { return directory_.path() / "kith.db"; }

  const base::TestDirectory directory_;
  const Scope ada_{TenantId("acme"), UserId("ada")};
};

TEST_F(SqliteStoreSetTest, KeepsTheDatabaseToItsOwner) {
  const auto stores = open(file());
  ASSERT_TRUE(stores->users().upsert(ada_, {}, 1));
  for (const char* suffix : {"", "-wal"}) {
    const auto status = std::filesystem::status(file().string() + suffix);
    EXPECT_EQ(status.permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)
        << suffix;
  }
}

TEST_F(SqliteStoreSetTest, EveryTableAboutUsersIsKeyedByTenantAndUser) {
  open(file());
  RawDatabase raw(file());
  const auto tables = raw.column(
      "SELECT name FROM sqlite_schema AS s WHERE type = 'table' AND EXISTS "
      "(SELECT 1 FROM pragma_table_info(s.name) WHERE name = 'user') AND name <> 'api_keys'");
  EXPECT_EQ(tables.size(), 15U);
  for (const std::string& table : tables) {
    EXPECT_THAT(raw.column("SELECT name FROM pragma_table_info('" + table +
                           "') WHERE pk IN (1, 2) ORDER BY pk"),
                testing::ElementsAre("tenant", "user"))
        << table;
  }
}

TEST_F(SqliteStoreSetTest, ReadsAFileOfVersionOne) {
  const char* source_dir = std::getenv("KITH_SOURCE_DIR");
  const std::filesystem::path source(source_dir ? source_dir : ".");
  const auto sql = base::read_file(source / "src/kith/storage/sqlite/testdata/schema_v1.sql");
  ASSERT_TRUE(sql) << sql.error().message;
  RawDatabase(file()).run(*sql);

  const auto stores = open(file());
  const Scope scope{TenantId("default"), UserId("e001")};
  const auto user = stores->users().find(scope);
  ASSERT_TRUE(user && *user);
  EXPECT_EQ((*user)->attributes.at("title"), "Rigger");
  EXPECT_EQ((*user)->recorded_at.at("title"), (*user)->updated_at);
  EXPECT_TRUE(stores->events().list(scope, "", 9)->empty());
  EXPECT_FALSE(*stores->consents().allows(scope, kConsentLearn));
  EXPECT_EQ((*stores->personas().find(scope))->weights.at(0).persona, PersonaId("field_worker"));
  const auto turns = stores->conversations().turns(scope, ConversationId("c-1"));
  ASSERT_EQ(turns->size(), 2U);
  EXPECT_EQ((*turns)[0].content_hash, content_hash("user", (*turns)[0].text));
  EXPECT_EQ((*turns)[1].prefix_hash,
            prefix_hash((*turns)[0].prefix_hash, (*turns)[1].content_hash));
  EXPECT_EQ((*stores->decisions().find(scope, DecisionId("d-1")))->probability, 0.75);
  EXPECT_EQ(stores->feedback().list(scope, 9)->size(), 1U);
  EXPECT_TRUE(stores->knowledge().list({TenantId("default")}, DocumentId{}, 9)->empty());
}

// Once for each version of the schema that a program was released with.
TEST_F(SqliteStoreSetTest, ReadsAFileOfVersionTwo) {
  const char* source_dir = std::getenv("KITH_SOURCE_DIR");
  const std::filesystem::path source(source_dir ? source_dir : ".");
  const auto sql = base::read_file(source / "src/kith/storage/sqlite/testdata/schema_v2.sql");
  ASSERT_TRUE(sql) << sql.error().message;
  RawDatabase(file()).run(*sql);

  const auto stores = open(file());
  const Scope scope{TenantId("default"), UserId("e001")};
  EXPECT_EQ((*stores->decisions().find(scope, DecisionId("d-1")))->adapter_version, 0);
  EXPECT_THAT(*stores->knowledge().search(scope.tenant_scope(), {{"rope"}, {}, "", 3.0, 10}),
              testing::SizeIs(1));
  EXPECT_EQ((**stores->keys().find("k1")).label, "ci");
  EXPECT_THAT(*stores->adapter_versions().list(AdapterId{}), testing::IsEmpty());
  EXPECT_EQ(stores->users().erase(scope, 9)->rows.at("decisions"), 1);
}

// Whoever has a persona already came to it when it was last written.
TEST_F(SqliteStoreSetTest, ReadsAFileOfVersionThree) {
  const char* source_dir = std::getenv("KITH_SOURCE_DIR");
  const std::filesystem::path source(source_dir ? source_dir : ".");
  const auto sql = base::read_file(source / "src/kith/storage/sqlite/testdata/schema_v3.sql");
  ASSERT_TRUE(sql) << sql.error().message;
  RawDatabase(file()).run(*sql);

  const auto stores = open(file());
  const Scope scope{TenantId("default"), UserId("e001")};
  EXPECT_THAT(*stores->personas().changes(scope),
              testing::ElementsAre(
                  PersonaChange{1750000000000000, PersonaId{}, PersonaId("field_worker")}));
  EXPECT_TRUE(stores->embeddings().list(scope)->empty());
}

TEST_F(SqliteStoreSetTest, DecisionsOfOlderFilesSayWhoseTheyWereAndWhichShadowAnswered) {
  const char* source_dir = std::getenv("KITH_SOURCE_DIR");
  const std::filesystem::path source(source_dir ? source_dir : ".");
  const auto sql = base::read_file(source / "src/kith/storage/sqlite/testdata/schema_v3.sql");
  ASSERT_TRUE(sql) << sql.error().message;
  RawDatabase(file()).run(*sql);
  RawDatabase(file()).run(
      "UPDATE decisions SET adapter = 'field', document = "
      R"('{"persona":{"assigned":"field_worker"},"shadow":{"version":2,"text":"x"}}')");
  const auto stores = open(file());
  const Scope scope{TenantId("default"), UserId("e001")};
  EXPECT_EQ((*stores->decisions().find(scope, DecisionId("d-1")))->own_persona,
            PersonaId("field_worker"));
  EXPECT_EQ(stores->adapter_versions().shadows({AdapterId("field"), 2}, 9)->size(), 1U);
}

TEST_F(SqliteStoreSetTest, FiguresOfAFleetNeverReadWholeRows) {
  open(file());
  RawDatabase raw(file());
  for (const char* sql :
       {"SELECT count(*) FROM decisions WHERE tenant = 'a' AND persona = 'p' AND at >= 1 "
        "AND at < 2",
        "SELECT count(DISTINCT user) FROM decisions WHERE tenant = 'a' AND persona = 'p' "
        "AND at >= 1 AND at < 2",
        "SELECT count(*), count(DISTINCT user) FROM decisions WHERE tenant = 'a' "
        "AND own_persona = 'p' AND at >= 1 AND at < 2",
        "SELECT user, value FROM feedback INDEXED BY feedback_thumbs WHERE tenant = 'a' "
        "AND kind = 'thumb' AND at >= 1",
        "SELECT persona, own_persona FROM decisions INDEXED BY decisions_with_personas WHERE "
        "tenant = 'a' "
        "AND user = 'u' AND decision = 'd'",
        "SELECT at FROM persona_changes WHERE tenant = 'a' AND to_persona = 'p' AND at >= 1",
        "SELECT at FROM persona_changes WHERE tenant = 'a' AND from_persona = 'p' AND at >= 1"}) {
    EXPECT_THAT(raw.last_column(std::string("EXPLAIN QUERY PLAN ") + sql),
                testing::Contains(testing::HasSubstr("COVERING INDEX")))
        << sql;
  }
}

TEST_F(SqliteStoreSetTest, RefusesAFileOfANewerProgram) {
  open(file());
  RawDatabase(file()).run("PRAGMA user_version = 999");
  const auto stores = open_sqlite(file());
  ASSERT_FALSE(stores);
  EXPECT_EQ(stores.error().code, ErrorCode::kConflict);
  EXPECT_THAT(stores.error().message, testing::HasSubstr("999"));
}

TEST_F(SqliteStoreSetTest, RefusesAFileThatIsNoDatabase) {
  ASSERT_TRUE(base::write_file_atomically(file(), std::string(5000, 'x')));
  const auto stores = open_sqlite(file());
  ASSERT_FALSE(stores);
  EXPECT_EQ(stores.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(open_sqlite(directory_.path() / "no" / "such" / "kith.db").error().code,
            ErrorCode::kUnavailable);
}

TEST_F(SqliteStoreSetTest, ReportsALockHeldByAnotherProcessAndRecovers) {
  auto stores = open_sqlite(file(), SqliteOptions{20});
  ASSERT_TRUE(stores);
  RawDatabase raw(file());
  raw.run("BEGIN IMMEDIATE");
  const auto refused = (*stores)->users().upsert(ada_, {}, 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE((*stores)->users().find(ada_)->has_value());
  raw.run("COMMIT");
  EXPECT_TRUE((*stores)->users().upsert(ada_, {}, 1));
}

// Pages split and merge while these rows are written, so stale copies would show here.
TEST_F(SqliteStoreSetTest, AnErasedUserLeavesNoByte) {
  const auto stores = open(file());
  const std::string secret = "xylophonist";
  for (int round = 0; round < 40; ++round) {
    for (const char* name : {"ada", "bob", "cyd"}) {
      const Scope scope{TenantId("acme"), UserId(name)};
      const std::string word = name == std::string("ada") ? secret : "ordinary";
      const std::string filler(static_cast<std::size_t>(37 * (round % 9) + 5), 'q');
      const ConversationId id("c" + std::to_string(round % 7));
      const std::array turns{
          NewTurn{"user", filler + word + std::to_string(round), round, {}, {}, ""}};
      ASSERT_TRUE(stores->conversations().append(scope, id, round / 7, turns));
      DecisionRow decision;
      decision.id = DecisionId(word + std::to_string(round) + name);
      decision.document = "{\"q\":\"" + filler + word + "\"}";
      ASSERT_TRUE(stores->decisions().put(scope, decision));
    }
  }
  write_everything(*stores, {TenantId("acme"), UserId("eve")}, secret);
  ASSERT_FALSE(directory_.files_holding(secret).empty());
  ASSERT_TRUE(stores->users().erase(ada_, 1));
  ASSERT_TRUE(stores->users().erase({TenantId("acme"), UserId("eve")}, 1));
  EXPECT_THAT(directory_.files_holding(secret), IsEmpty());
  EXPECT_THAT(directory_.files_holding("ordinary"), testing::Not(IsEmpty()));
}

// The last document stands in a segment of its own, which no later write merges away.
TEST_F(SqliteStoreSetTest, AnErasedDocumentLeavesNoWordInTheIndex) {
  const auto stores = open(file());
  const TenantScope acme{TenantId("acme")};
  for (int i = 0; i < 40; ++i) {
    const std::string text = i == 39 ? "the xylophonist plays" : "word" + std::to_string(i);
    ASSERT_TRUE(stores->knowledge().put(acme, document("d" + std::to_string(i), text),
                                        std::array{whole_chunk("t", text)}));
  }
  ASSERT_TRUE(*stores->knowledge().erase(acme, DocumentId("d39")));
  EXPECT_THAT(directory_.files_holding("xylophonist"), IsEmpty());
  EXPECT_THAT(
      RawDatabase(file()).column("SELECT term FROM chunk_vocabulary WHERE term LIKE 'xyl%'"),
      IsEmpty());
}

}  // namespace
}  // namespace kith::storage
