// SQLite behind a fence: one writing connection, a few reading ones, statements prepared once, and
// SQLite's exceptions turned into Errors. Internal to storage/sqlite.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kith/base/ids.h"
#include "kith/base/result.h"
#include "kith/storage/sqlite/sqlite_store_set.h"

namespace kith::storage::sqlite {

// Bytes of a column, borrowed for the time of the statement.
struct Blob {
  const void* data = nullptr;
  std::size_t size = 0;
};

// One execution of a prepared statement. Resets the statement at the end, so that it holds no lock
// and no user text. Throws SQLite::Exception.
class Query {
 public:
  explicit Query(SQLite::Statement& statement) : statement_(statement) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  // Binds the parameters in order.
  template <typename... Values>
  Query& bind(const Values&... values) {
    (bind_one(values), ...);
    return *this;
  }

  // True while there is a row.
  bool step() { return statement_.executeStep(); }
  // Runs a statement that returns no rows; returns the number of rows changed.
  int run() { return statement_.exec(); }

  bool is_null(int column) const { return statement_.getColumn(column).isNull(); }
  std::string text(int column) const { return statement_.getColumn(column).getString(); }
  std::int64_t integer(int column) const { return statement_.getColumn(column).getInt64(); }
  double number(int column) const { return statement_.getColumn(column).getDouble(); }
  std::optional<double> optional_number(int column) const {
    return is_null(column) ? std::nullopt : std::optional<double>(number(column));
  }

 private:
  void bind_one(const std::string& value) { statement_.bind(next_++, value); }
  void bind_one(std::string_view value) { statement_.bind(next_++, std::string(value)); }
  void bind_one(const char* value) { statement_.bind(next_++, value); }
  void bind_one(const Blob& value) {
    // A null pointer would be a NULL.
    statement_.bind(next_++, value.size == 0 ? "" : value.data, static_cast<int>(value.size));
  }
  void bind_one(double value) { statement_.bind(next_++, value); }
  template <typename Int>
  requires std::is_integral_v<Int>
  void bind_one(Int value) { statement_.bind(next_++, static_cast<std::int64_t>(value)); }
  template <typename Tag>
  void bind_one(const Id<Tag>& value) {
    bind_one(value.str());
  }
  template <typename T>
  void bind_one(const std::optional<T>& value) {
    if (value) {
      bind_one(*value);
    } else {
      statement_.bind(next_++);
    }
  }

  SQLite::Statement& statement_;
  int next_ = 1;
};

// A connection and its prepared statements. Not thread-safe.
class Session {
 public:
  Session(const std::filesystem::path& file, int flags, const SqliteOptions& options);

  // `sql` is prepared on first use and kept.
  Query query(std::string_view sql);
  void exec(const char* sql) { database_.exec(sql); }
  SQLite::Database& database() { return database_; }

 private:
  SQLite::Database database_;
  std::unordered_map<std::string_view, std::unique_ptr<SQLite::Statement>> statements_;
};

// The statements of a transaction; literals.
struct TransactionWords {
  std::string_view begin;
  std::string_view commit = "COMMIT";
  std::string_view rollback = "ROLLBACK";
  // Ends what `rollback` leaves open.
  std::string_view end = {};
};
inline constexpr TransactionWords kWriting{.begin = "BEGIN IMMEDIATE"};
inline constexpr TransactionWords kReading{.begin = "BEGIN DEFERRED"};
// A part of a transaction that is under way.
inline constexpr TransactionWords kPart{.begin = "SAVEPOINT part",
                                        .commit = "RELEASE part",
                                        .rollback = "ROLLBACK TO part",
                                        .end = "RELEASE part"};

// A transaction, rolled back unless commit() is called. Its statements are prepared once, like all
// others: to parse them anew would cost as much as a read.
class Transaction {
 public:
  // Throws SQLite::Exception, as commit() does.
  Transaction(Session& session, const TransactionWords& words) : session_(session), words_(words) {
    session_.query(words_.begin).run();
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  void commit();

 private:
  Session& session_;
  const TransactionWords words_;
  bool is_committed_ = false;
};

// The kind of a SQLite failure; never SQLite's own message, which may quote a value.
Error to_error(const SQLite::Exception& exception);

// Thread-safe.
class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file,
                                                const SqliteOptions& options);

  // Runs `body(Session&)`, which returns a Result, in a transaction that is committed if it
  // succeeds and rolled back otherwise. A literal must be passed to Session::query.
  template <typename Body>
  auto write(Body&& body) -> std::invoke_result_t<Body, Session&> {
    if (is_in_group()) return in_transaction(*writer_, kPart, body);
    const std::lock_guard lock(writer_mutex_);
    return in_transaction(*writer_, kWriting, body);
  }

  // The same on a reading connection: `body` sees one state of the database.
  template <typename Body>
  auto read(Body&& body) -> std::invoke_result_t<Body, Session&> {
    if (is_in_group()) return in_transaction(*writer_, kPart, body);
    const Lease lease(*this);
    return in_transaction(lease.session(), kReading, body);
  }

  // StoreSet::group().
  Status group(const std::function<Status()>& work);

  // Makes deleted rows vanish from the files. secure_delete has overwritten them in the pages; this
  // moves the pages into the database and empties the write-ahead log, which holds older ones.
  Status scrub();

 private:
  // Borrows a reading connection; waits for one if all are in use.
  class Lease {
   public:
    explicit Lease(Database& owner);
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();
    Session& session() const { return *session_; }

   private:
    Database& owner_;
    std::unique_ptr<Session> session_;
  };

  Database() = default;

  bool is_in_group() const { return group_thread_.load() == std::this_thread::get_id(); }

  template <typename Body>
  static auto in_transaction(Session& session, const TransactionWords& words, Body& body)
      -> std::invoke_result_t<Body, Session&> {
    try {
      Transaction transaction(session, words);
      auto result = body(session);
      if (result) transaction.commit();
      return result;
    } catch (const SQLite::Exception& exception) {
      return to_error(exception);
    }
  }

  std::mutex writer_mutex_;
  std::unique_ptr<Session> writer_;  // guarded by writer_mutex_
  // Whose group is under way, which holds writer_mutex_; nobody's by default.
  std::atomic<std::thread::id> group_thread_{};
  std::mutex readers_mutex_;
  std::condition_variable reader_free_;
  std::vector<std::unique_ptr<Session>> free_readers_;  // guarded by readers_mutex_
};

}  // namespace kith::storage::sqlite
