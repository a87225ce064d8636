#include "kith/persona/version_files.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <system_error>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/new_directory.h"
#include "kith/storage/directory_digest.h"

namespace kith::persona {
namespace {

namespace fs = std::filesystem;

constexpr int kCardSchema = 1;
constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxConfigBytes = std::size_t{4} << 20;

// A file of a directory that can be registered.
struct FileRule {
  const char* name;
  bool is_required = true;
};
// Of each kind the configuration comes first.
constexpr std::array kAdapterFiles = std::to_array<FileRule>(
    {{"adapter_config.json"}, {"adapter_model.safetensors"}, {"README.md", false}});
constexpr std::array kEncoderFiles = std::to_array<FileRule>(
    {{"config.json"}, {"model.safetensors"}, {"features.json"}, {"README.md", false}});

// What only an encoder has tells which of the two a directory is.
bool is_encoder(const fs::path& source) {
  std::error_code error;
  return fs::exists(source / "features.json", error);
}

// What an encoder may have beside: more weights with their configurations.
bool is_further_part(const fs::directory_entry& entry) {
  const fs::path name = entry.path().filename();
  const bool is_known = std::any_of(kEncoderFiles.begin(), kEncoderFiles.end(),
                                    [&](const FileRule& rule) { return name == rule.name; });
  std::error_code error;
  return !is_known && name != kVersionCard &&
         entry.symlink_status(error).type() == fs::file_type::regular &&
         (name.extension() == ".json" || name.extension() == ".safetensors");
}

std::span<const FileRule> files_of(const fs::path& source) {
  if (is_encoder(source)) return kEncoderFiles;
  return kAdapterFiles;
}

Error system_error(const fs::path& path, const std::error_code& error) {
  return Error{ErrorCode::kUnavailable, path.string() + ": " + error.message()};
}

std::string make_card(const storage::AdapterVersionRow& row) {
  base::OrderedJson card{
      {"schema", kCardSchema},        {"adapter", row.id.adapter.str()},
      {"version", row.id.version},    {"created_at", base::to_iso8601(row.created_at)},
      {"created_by", row.created_by}, {"reason", row.reason},
      {"parents", row.parents},       {"base_hash", row.base_hash},
      {"data_hash", row.data_hash},   {"recipe_hash", row.recipe_hash}};
  auto metrics = base::parse_ordered_json(row.metrics);
  card["metrics"] = metrics ? *std::move(metrics) : base::OrderedJson::object();
  return card.dump(2, ' ', false, base::OrderedJson::error_handler_t::replace) + "\n";
}

Status copy_version_file(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy_file(from, to, error);
  if (error) return system_error(from, error);
  using fs::perms;
  fs::permissions(to, perms::owner_read | perms::group_read | perms::others_read, error);
  if (error) return system_error(to, error);
  return {};
}

}  // namespace

Status check_adapter_files(const fs::path& source) {
  for (const auto& [name, is_required] : files_of(source)) {
    std::error_code error;
    const auto type = fs::symlink_status(source / name, error).type();
    if (type == fs::file_type::regular || (type == fs::file_type::not_found && !is_required)) {
      continue;
    }
    if (type == fs::file_type::not_found) {
      return Error{ErrorCode::kNotFound, "no such file: " + (source / name).string()};
    }
    return Error{ErrorCode::kInvalidArgument, "not a regular file: " + (source / name).string()};
  }
  const fs::path config = source / files_of(source).front().name;
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(config, kMaxConfigBytes));
  const auto json = base::parse_json(text);
  if (json && json->is_object()) return {};
  return Error{ErrorCode::kInvalidArgument, config.string() + " is no JSON object"};
}

Status copy_adapter_files(const fs::path& source, const fs::path& target) {
  std::error_code error;
  for (const auto& [name, is_required] : files_of(source)) {
    if (!fs::exists(source / name, error)) continue;
    KITH_RETURN_IF_ERROR(copy_version_file(source / name, target / name));
  }
  if (!is_encoder(source)) return {};
  for (const auto& entry : fs::directory_iterator(source, error)) {
    if (!is_further_part(entry)) continue;
    KITH_RETURN_IF_ERROR(copy_version_file(entry.path(), target / entry.path().filename()));
  }
  return {};
}

Status check_adapter_name(const AdapterId& adapter) {
  const std::string& name = adapter.str();
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  const bool is_good = !name.empty() && name.size() <= kMaxNameBytes && name.front() != '.' &&
                       std::all_of(name.begin(), name.end(), is_plain);
  if (is_good) return {};
  return Error{ErrorCode::kInvalidArgument,
               "the name of an adapter with versions must have 1 to 64 letters, digits, '_', '-' "
               "or '.', and no dot in front: " +
                   name};
}

std::string version_path(const storage::AdapterVersionId& id) {
  return "adapters/" + id.adapter.str() + "/v" + std::to_string(id.version);
}

Result<std::string> write_version_files(const fs::path& source, const fs::path& data_dir,
                                        const storage::AdapterVersionRow& row) {
  KITH_RETURN_IF_ERROR(check_adapter_files(source));
  if (is_encoder(source) != (row.id.adapter.str() == storage::kUserEncoder)) {
    return Error{ErrorCode::kInvalidArgument, std::string(storage::kUserEncoder) +
                                                  " is the name of user encoders, and of them "
                                                  "alone: " +
                                                  source.string()};
  }
  const fs::path target = data_dir / row.path;
  std::error_code error;
  fs::create_directories(target.parent_path(), error);
  if (error) return system_error(target.parent_path(), error);
  fs::remove_all(target, error);
  if (error) return system_error(target, error);
  KITH_ASSIGN_OR_RETURN(auto directory, base::NewDirectory::create(target));
  KITH_RETURN_IF_ERROR(copy_adapter_files(source, directory.path()));
  KITH_RETURN_IF_ERROR(
      base::write_file_atomically(directory.path() / kVersionCard, make_card(row), 0444));
  KITH_ASSIGN_OR_RETURN(std::string hash, storage::digest_directory(directory.path()));
  KITH_RETURN_IF_ERROR(directory.commit());
  return hash;
}

Status verify_version_files(const fs::path& data_dir, const storage::AdapterVersionRow& row) {
  const auto hash = storage::digest_directory(data_dir / row.path);
  if (hash && *hash == row.content_hash) return {};
  return Error{ErrorCode::kConflict,
               "the files of " + storage::to_string(row.id) +
                   (hash ? " are not those that were registered" : " cannot be read")};
}

}  // namespace kith::persona
