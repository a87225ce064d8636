#include "kith/storage/sqlite/database.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include "kith/storage/sqlite/schema.h"

namespace kith::storage::sqlite {
namespace {

constexpr int kNumReaders = 3;
// Pages that each connection sets aside at its first use, of the 500 that it keeps at most.
constexpr int kPagesAside = 256;

ErrorCode code_of(int sqlite_code) {
  switch (sqlite_code & 0xFF) {
    case SQLITE_NOTADB:
      return ErrorCode::kInvalidArgument;
    case SQLITE_CONSTRAINT:
      return ErrorCode::kConflict;
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
      return ErrorCode::kInternal;
    default:
      return ErrorCode::kUnavailable;
  }
}

// A commit empties the caches of all readers, so a request reads its thirty pages anew: from and to
// the heap they would be a tenth of a millisecond of growing and shrinking it. Before SQLite's
// first use in the process; where another library was earlier, it stays as it is.
void configure_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, kPagesAside);
    // Nobody asks, and counting takes a lock around each allocation.
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  });
}

void configure_writer(Session& session, const SqliteOptions& options) {
  session.exec("PRAGMA journal_mode = WAL");
  session.exec(options.is_durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF");
  session.exec("PRAGMA foreign_keys = ON");
  session.exec("PRAGMA secure_delete = ON");
  // Sorting must not leave copies of rows in files elsewhere.
  session.exec("PRAGMA temp_store = MEMORY");
}

}  // namespace

Query::~Query() {
  statement_.tryReset();
  try {
    statement_.clearBindings();
  } catch (const SQLite::Exception&) {
    // Bindings are overwritten at the next use.
  }
}

Session::Session(const std::filesystem::path& file, int flags, const SqliteOptions& options)
    : database_(file.string(), flags, options.busy_timeout_ms) {}

Query Session::query(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    auto statement = std::make_unique<SQLite::Statement>(database_, std::string(sql));
    found = statements_.emplace(sql, std::move(statement)).first;
  }
  return Query(*found->second);
}

Transaction::~Transaction() {
  if (is_committed_) return;
  try {
    session_.query(words_.rollback).run();
    if (!words_.end.empty()) session_.query(words_.end).run();
  } catch (const SQLite::Exception&) {
    // SQLite has rolled it back itself.
  }
}

void Transaction::commit() {
  session_.query(words_.commit).run();
  is_committed_ = true;
}

Error to_error(const SQLite::Exception& exception) {
  return Error{code_of(exception.getErrorCode()),
               std::string("database: ") + sqlite3_errstr(exception.getExtendedErrorCode())};
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file,
                                                 const SqliteOptions& options) {
  configure_library();
  std::unique_ptr<Database> database(new Database);
  try {
    database->writer_ = std::make_unique<Session>(
        file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX, options);
    // Before the log appears: SQLite gives it the permissions of the database.
    if (chmod(file.c_str(), 0600) != 0) {
      return Error{ErrorCode::kUnavailable, file.string() + ": cannot set permissions"};
    }
    configure_writer(*database->writer_, options);
    if (Status migrated = migrate(*database->writer_); !migrated) {
      return std::move(migrated).error().with_context(file.string());
    }
    for (int i = 0; i < kNumReaders; ++i) {
      database->free_readers_.push_back(
          std::make_unique<Session>(file, SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX, options));
      database->free_readers_.back()->exec("PRAGMA temp_store = MEMORY");
      // SQLite opens its files at the first read: here, and not while somebody waits for an answer.
      database->free_readers_.back()->exec("SELECT 1 FROM sqlite_schema LIMIT 1");
    }
  } catch (const SQLite::Exception& exception) {
    return to_error(exception).with_context(file.string());
  }
  return database;
}

Status Database::group(const std::function<Status()>& work) {
  const std::lock_guard lock(writer_mutex_);
  // Also when `work` throws.
  struct Group {
    explicit Group(std::atomic<std::thread::id>& thread) : thread_(thread) {
      thread_ = std::this_thread::get_id();
    }
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;
    ~Group() { thread_ = std::thread::id(); }
    std::atomic<std::thread::id>& thread_;
  };
  const auto body = [&](Session&) -> Status {
    const Group group(group_thread_);
    return work();
  };
  return in_transaction(*writer_, kWriting, body);
}

Status Database::scrub() {
  const std::lock_guard lock(writer_mutex_);
  try {
    SQLite::Statement checkpoint(writer_->database(), "PRAGMA wal_checkpoint(TRUNCATE)");
    if (!checkpoint.executeStep() || checkpoint.getColumn(0).getInt() != 0) {
      return Error{ErrorCode::kUnavailable,
                   "database: rows are deleted, but a reader keeps the log from being emptied; "
                   "erase again"};
    }
  } catch (const SQLite::Exception& exception) {
    return to_error(exception);
  }
  return {};
}

Database::Lease::Lease(Database& owner) : owner_(owner) {
  std::unique_lock lock(owner_.readers_mutex_);
  owner_.reader_free_.wait(lock, [this] { return !owner_.free_readers_.empty(); });
  session_ = std::move(owner_.free_readers_.back());
  owner_.free_readers_.pop_back();
}

Database::Lease::~Lease() {
  {
    const std::lock_guard lock(owner_.readers_mutex_);
    owner_.free_readers_.push_back(std::move(session_));
  }
  owner_.reader_free_.notify_one();
}

}  // namespace kith::storage::sqlite
