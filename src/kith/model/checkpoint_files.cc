#include "kith/model/checkpoint_files.h"

#include <array>
#include <string>
#include <system_error>

#include "kith/base/file.h"

namespace kith::model {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 13> kCompanions{"generation_config.json",
                                                  "tokenizer.json",
                                                  "tokenizer_config.json",
                                                  "tokenizer.model",
                                                  "special_tokens_map.json",
                                                  "added_tokens.json",
                                                  "vocab.json",
                                                  "merges.txt",
                                                  "chat_template.jinja",
                                                  "LICENSE",
                                                  "LICENSE.txt",
                                                  "NOTICE",
                                                  "README.md"};

}  // namespace

Status copy_companions(const fs::path& from, const fs::path& to) {
  for (const char* name : kCompanions) {
    std::error_code error;
    // The hub's cache keeps links to blobs; what they point to is copied.
    if (!fs::is_regular_file(from / name, error)) continue;
    fs::copy_file(from / name, to / name, error);
    if (error) {
      return Error{ErrorCode::kUnavailable,
                   "cannot copy " + (from / name).string() + ": " + error.message()};
    }
  }
  return {};
}

Status rewrite_config(const fs::path& from, const fs::path& to,
                      const std::function<void(base::OrderedJson&)>& edit) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(from / "config.json"));
  KITH_ASSIGN_OR_RETURN(base::OrderedJson config, base::parse_ordered_json(text));
  if (!config.is_object()) {
    return Error{ErrorCode::kInvalidArgument, "config.json must hold an object"};
  }
  edit(config);
  return base::write_file_atomically(
      to / "config.json",
      config.dump(2, ' ', false, base::OrderedJson::error_handler_t::replace) + "\n");
}

}  // namespace kith::model
