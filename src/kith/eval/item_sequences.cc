#include "kith/eval/item_sequences.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <sstream>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "kith/base/file.h"

namespace kith::eval {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFewestItems = 3;
constexpr int kCore = 5;

struct Rating {
  std::string user;
  std::string item;
  std::int64_t at = 0;
};

// A number for each name, in the order in which they come.
class Numbering {
 public:
  std::int32_t operator()(const std::string& name) {
    return numbers_.emplace(name, static_cast<std::int32_t>(numbers_.size())).first->second;
  }
  std::size_t size() const { return numbers_.size(); }

 private:
  std::unordered_map<std::string, std::int32_t> numbers_;
};

Error bad_line(const fs::path& file, std::size_t line, const std::string& what) {
  return {ErrorCode::kInvalidArgument, file.string() + ":" + std::to_string(line) + ": " + what};
}

std::string name_of(const fs::path& file) {
  std::string name = fs::absolute(file).parent_path().filename().string();
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

ItemSequences numbered(const fs::path& file, const std::vector<Rating>& ratings) {
  ItemSequences made;
  made.name = name_of(file);
  Numbering users;
  Numbering items;
  for (const Rating& rating : ratings) {
    const auto user = static_cast<std::size_t>(users(rating.user));
    if (user == made.users.size()) made.users.emplace_back();
    made.users[user].push_back(items(rating.item));
  }
  made.num_items = items.size();
  std::erase_if(made.users, [](const auto& user) { return user.size() < kFewestItems; });
  return made;
}

std::vector<std::string_view> split_commas(std::string_view line) {
  std::vector<std::string_view> cells;
  while (true) {
    const std::size_t comma = line.find(',');
    cells.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

struct Columns {
  std::size_t user;
  std::size_t item;
  std::size_t at;
};

Result<Columns> find_columns(const fs::path& file, const std::vector<std::string_view>& names) {
  const auto place = [&](std::string_view name) -> Result<std::size_t> {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    return bad_line(file, 1, "there is no column " + std::string(name));
  };
  KITH_ASSIGN_OR_RETURN(const std::size_t user, place("userId"));
  KITH_ASSIGN_OR_RETURN(const std::size_t item, place("movieId"));
  KITH_ASSIGN_OR_RETURN(const std::size_t at, place("timestamp"));
  return Columns{user, item, at};
}

Result<std::vector<Rating>> read_ratings(const fs::path& file) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file));
  std::istringstream lines(text);
  std::string line;
  std::vector<Rating> ratings;
  const auto next = [&] {
    if (!std::getline(lines, line)) return false;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return true;
  };
  next();
  KITH_ASSIGN_OR_RETURN(const Columns columns, find_columns(file, split_commas(line)));
  const std::size_t needed = std::max({columns.user, columns.item, columns.at}) + 1;
  for (std::size_t number = 2; next(); ++number) {
    if (line.empty()) continue;
    const auto cells = split_commas(line);
    if (cells.size() < needed) return bad_line(file, number, "cells are missing");
    Rating rating{std::string(cells[columns.user]), std::string(cells[columns.item])};
    const std::string_view at = cells[columns.at];
    const auto parsed = std::from_chars(at.data(), at.data() + at.size(), rating.at);
    if (parsed.ec != std::errc() || parsed.ptr != at.data() + at.size()) {
      return bad_line(file, number, "the timestamp is no whole number");
    }
    ratings.push_back(std::move(rating));
  }
  return ratings;
}

void keep_core(std::vector<Rating>& ratings) {
  for (std::size_t before = 0; before != ratings.size();) {
    before = ratings.size();
    std::unordered_map<std::string, int> users;
    std::unordered_map<std::string, int> items;
    for (const Rating& rating : ratings) {
      ++users[rating.user];
      ++items[rating.item];
    }
    std::erase_if(ratings, [&](const Rating& rating) {
      return users[rating.user] < kCore || items[rating.item] < kCore;
    });
  }
}

// Whole numbers by value, then the rest by their bytes.
std::tuple<std::size_t, const std::string&> by_number(const std::string& name) {
  return {name.size(), name};
}

}  // namespace

std::size_t ItemSequences::num_events() const {
  std::size_t sum = 0;
  for (const auto& user : users) sum += user.size();
  return sum;
}

Result<ItemSequences> load_sequences(const fs::path& file) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file));
  std::istringstream lines(text);
  std::string line;
  std::vector<Rating> ratings;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line);
    Rating rating;
    if (!(words >> rating.user)) continue;
    std::string more;
    if (!(words >> rating.item) || words >> more) {
      return bad_line(file, number, "must be a user and an item");
    }
    ratings.push_back(std::move(rating));
  }
  ItemSequences made = numbered(file, ratings);
  made.is_sequences = true;
  return made;
}

Result<ItemSequences> load_ratings(const fs::path& file) {
  KITH_ASSIGN_OR_RETURN(std::vector<Rating> ratings, read_ratings(file));
  keep_core(ratings);
  std::stable_sort(ratings.begin(), ratings.end(), [](const Rating& a, const Rating& b) {
    return std::tuple(a.at, by_number(a.item)) < std::tuple(b.at, by_number(b.item));
  });
  return numbered(file, ratings);
}

Result<std::vector<ItemSequences>> find_item_sequences(const fs::path& dir) {
  std::error_code error;
  std::vector<fs::path> places{dir};
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    if (entry.is_directory()) places.push_back(entry.path());
  }
  if (error) return Error{ErrorCode::kNotFound, dir.string() + ": " + error.message()};
  std::sort(places.begin(), places.end());
  std::vector<ItemSequences> found;
  for (const fs::path& place : places) {
    if (fs::exists(place / "sequences.txt")) {
      KITH_ASSIGN_OR_RETURN(ItemSequences set, load_sequences(place / "sequences.txt"));
      found.push_back(std::move(set));
    } else if (fs::exists(place / "ratings.csv")) {
      KITH_ASSIGN_OR_RETURN(ItemSequences set, load_ratings(place / "ratings.csv"));
      found.push_back(std::move(set));
    }
  }
  return found;
}

}  // namespace kith::eval
