#include "kith/base/toml_table.h"

#include <algorithm>
#include <sstream>

namespace kith::base {

Result<toml::table> parse_toml(std::string_view text, const std::string& name) {
  toml::parse_result parsed = toml::parse(text, name);
  if (parsed) return std::move(parsed).table();
  std::ostringstream out;
  out << name << ": line " << parsed.error().source().begin.line << ": "
      << parsed.error().description();
  return Error{ErrorCode::kInvalidArgument, out.str()};
}

bool TomlTable::has(const char* key) const { return table_ != nullptr && table_->contains(key); }

void TomlTable::text(const char* key, std::string& to) {
  if (const auto* node = take(key)) {
    const auto value = node->value_exact<std::string>();
    if (!value) return fail(key, "must be a string");
    to = *value;
  }
}

void TomlTable::path(const char* key, std::filesystem::path& to) {
  std::string value = to.string();
  text(key, value);
  to = value;
}

void TomlTable::choice(const char* key, std::string& to, const std::vector<std::string>& allowed) {
  text(key, to);
  if (std::find(allowed.begin(), allowed.end(), to) != allowed.end()) return;
  std::string list;
  for (const auto& name : allowed) list += (list.empty() ? "" : ", ") + name;
  fail(key, "must be one of " + list + ": " + to);
}

void TomlTable::flag(const char* key, bool& to) {
  if (const auto* node = take(key)) {
    const auto value = node->value_exact<bool>();
    if (!value) return fail(key, "must be true or false");
    to = *value;
  }
}

void TomlTable::integer(const char* key, std::int64_t& to, std::int64_t low, std::int64_t high) {
  if (const auto* node = take(key)) {
    const auto value = node->value_exact<std::int64_t>();
    if (!value) return fail(key, "must be an integer");
    to = *value;
  }
  if (to < low || to > high) {
    const std::string bound =
        high == std::numeric_limits<std::int64_t>::max()
            ? "at least " + std::to_string(low)
            : "in [" + std::to_string(low) + ", " + std::to_string(high) + "]";
    fail(key, "must be " + bound + ": " + std::to_string(to));
  }
}

void TomlTable::real(const char* key, double& to, double low, double high) {
  if (const auto* node = take(key)) {
    const auto value = node->value<double>();
    if (!value || node->is_boolean()) return fail(key, "must be a number");
    to = *value;
  }
  if (!(to >= low && to <= high)) {
    std::ostringstream out;
    out << "must be in [" << low << ", " << high << "]: " << to;
    fail(key, out.str());
  }
}

void TomlTable::texts(const char* key, std::vector<std::string>& to) {
  const auto* node = take(key);
  if (node == nullptr) return;
  const auto* array = node->as_array();
  if (array == nullptr) return fail(key, "must be an array of strings");
  to.clear();
  for (const auto& item : *array) {
    const auto value = item.value_exact<std::string>();
    if (!value) return fail(key, "must be an array of strings");
    to.push_back(*value);
  }
}

void TomlTable::integers(const char* key, std::vector<std::int64_t>& to, std::int64_t low,
                         std::int64_t high) {
  const auto* node = take(key);
  if (node == nullptr) return;
  const std::string problem =
      "must be an array of integers in [" + std::to_string(low) + ", " + std::to_string(high) + "]";
  const auto* array = node->as_array();
  if (array == nullptr) return fail(key, problem);
  to.clear();
  for (const auto& item : *array) {
    const auto value = item.value_exact<std::int64_t>();
    if (!value || *value < low || *value > high) return fail(key, problem);
    to.push_back(*value);
  }
}

void TomlTable::child(const char* key, const std::function<void(TomlTable&)>& read) {
  const auto* node = take(key);
  if (node != nullptr && !node->is_table()) return fail(key, "must be a table");
  TomlTable reader(node == nullptr ? nullptr : node->as_table(), where_ + "[" + key + "] ");
  read(reader);
  adopt(reader.finish());
}

void TomlTable::children(const char* key, const std::function<void(TomlTable&)>& read) {
  const auto* node = take(key);
  if (node == nullptr) return;
  const auto* array = node->as_array();
  if (array == nullptr) return fail(key, std::string("must be written as [[") + key + "]]");
  for (std::size_t i = 0; i < array->size(); ++i) {
    const auto* table = array->get(i)->as_table();
    if (table == nullptr) return fail(key, "must be an array of tables");
    TomlTable reader(table, where_ + "[[" + key + "]] " + std::to_string(i + 1) + ": ");
    read(reader);
    adopt(reader.finish());
  }
}

void TomlTable::require(const char* key) {
  if (!has(key)) fail(key, "is missing");
}

void TomlTable::fail(const std::string& key, const std::string& problem) {
  if (!error_) error_ = Error{ErrorCode::kInvalidArgument, where_ + key + " " + problem};
}

void TomlTable::adopt(const Status& status) {
  if (!status && !error_) error_ = status.error();
}

Status TomlTable::finish() {
  if (table_ != nullptr) {
    for (const auto& [key, node] : *table_) {
      if (known_.contains(std::string(key.str()))) continue;
      std::string list;
      for (const auto& name : known_) list += (list.empty() ? "" : ", ") + name;
      fail(std::string(key.str()), "is not a key here; allowed: " + list);
    }
  }
  if (error_) return *error_;
  return {};
}

const toml::node* TomlTable::take(const char* key) {
  known_.insert(key);
  return table_ == nullptr ? nullptr : table_->get(key);
}

}  // namespace kith::base
