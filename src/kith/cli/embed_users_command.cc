// kith embed users
#include <algorithm>
#include <array>
#include <charconv>
#include <iostream>
#include <span>

#include "kith/base/clock.h"
#include "kith/base/file.h"
#include "kith/cli/command.h"
#include "kith/cli/directory_client.h"
#include "kith/cli/scatter_plot.h"
#include "kith/timeline/plane.h"

namespace kith::cli {
namespace {

using storage::EmbeddedUser;

constexpr std::size_t kPage = 256;

struct EmbedUsersArguments {
  std::vector<std::string> users;
  std::string version;
  std::string plot;
};

// The one with the most rows, which is the one that serves but for the moment of a change.
Result<std::string> choose_version(storage::StoreSet& stores, const storage::TenantScope& scope,
                                   const std::string& asked) {
  KITH_ASSIGN_OR_RETURN(const auto counts, stores.embeddings().versions(scope));
  std::string chosen;
  std::int64_t most = 0;
  std::string known;
  for (const auto& [version, count] : counts) {
    known += (known.empty() ? "" : ", ") + version;
    if (asked.empty() ? count > most : version == asked) {
      chosen = version;
      most = count;
    }
  }
  if (!chosen.empty()) return chosen;
  return Error{ErrorCode::kNotFound,
               asked.empty()
                   ? "no user has an embedding: set user_encoder.directory and serve"
                   : "there are no embeddings of version " + asked + "; there are: " + known};
}

void print_user(const EmbeddedUser& user) {
  const storage::EmbeddingRow& row = user.embedding;
  base::OrderedJson line{{"user", user.user.str()}};
  if (!user.persona.empty()) line["persona"] = user.persona.str();
  line["encoder_version"] = row.version;
  line["num_events"] = row.num_events;
  line["last_event_at"] = base::to_iso8601(row.head.last.at);
  line["made_at"] = base::to_iso8601(row.made_at);
  line["num_latents"] = row.num_latents;
  std::string text = base::dump_json(line);
  text.back() = ',';
  text += "\"embedding\":[";
  // The shortest digits that read back as the same float.
  std::array<char, 32> digits;
  for (const float value : row.vector) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    text.append(digits.data(), end) += ',';
  }
  text.back() = ']';
  std::cout << text << "}\n";
}

Status write_plot(const std::string& file, const std::string& version,
                  const std::vector<EmbeddedUser>& users) {
  std::vector<float> vectors;
  for (const EmbeddedUser& user : users) {
    vectors.insert(vectors.end(), user.embedding.vector.begin(), user.embedding.vector.end());
  }
  const auto places = timeline::project_on_plane(vectors, users.front().embedding.vector.size());
  std::vector<ScatterPoint> points;
  for (std::size_t i = 0; i < users.size(); ++i) {
    const std::string persona = users[i].persona.str();
    points.push_back({static_cast<double>(places[i][0]), static_cast<double>(places[i][1]), persona,
                      users[i].user.str() + (persona.empty() ? "" : ", " + persona)});
  }
  const std::string title = std::to_string(users.size()) + " users, encoder " + version;
  return base::write_file_atomically(file, scatter_svg(title, points));
}

Status embed_users(const GlobalOptions& options, const EmbedUsersArguments& arguments) {
  KITH_ASSIGN_OR_RETURN(const runtime::Config config, load_config(options));
  KITH_ASSIGN_OR_RETURN(const auto installation, open_to_read(config));
  storage::StoreSet& stores = installation->stores();
  const storage::TenantScope scope = runtime::default_tenant();
  KITH_ASSIGN_OR_RETURN(const std::string version,
                        choose_version(stores, scope, arguments.version));
  const auto& asked = arguments.users;
  std::vector<EmbeddedUser> plotted;
  std::size_t num_found = 0;
  UserId last;
  while (true) {
    KITH_ASSIGN_OR_RETURN(auto page, stores.embeddings().page(scope, version, last, kPage));
    if (page.empty()) break;
    last = page.back().user;
    for (EmbeddedUser& user : page) {
      const bool is_asked =
          asked.empty() || std::find(asked.begin(), asked.end(), user.user.str()) != asked.end();
      if (!is_asked) continue;
      ++num_found;
      if (arguments.plot.empty()) {
        print_user(user);
      } else {
        user.embedding.latents.clear();
        plotted.push_back(std::move(user));
      }
    }
  }
  if (num_found < asked.size() || num_found == 0) {
    return Error{ErrorCode::kNotFound,
                 std::to_string(asked.size() - num_found) +
                     " of the users have no embedding: without events, or they refuse to be "
                     "learned from"};
  }
  if (arguments.plot.empty()) return {};
  KITH_RETURN_IF_ERROR(write_plot(arguments.plot, version, plotted));
  if (options.json) {
    print_json({{"file", arguments.plot}, {"users", plotted.size()}, {"encoder_version", version}});
  } else {
    std::cout << plotted.size() << " users in " << arguments.plot << "\n";
  }
  return {};
}

}  // namespace

void add_embed_users(CLI::App& embed, GlobalOptions& options, int& status) {
  const auto arguments = std::make_shared<EmbedUsersArguments>();
  auto* users = embed.add_subcommand(
      "users", "the stored vectors of users, made of their events, as JSON Lines or as a picture");
  users->add_option("--user", arguments->users, "only this user; may be given several times");
  users->add_option("--encoder-version", arguments->version,
                    "of which encoder (default: the one with the most users)");
  users->add_option("--plot", arguments->plot,
                    "write an SVG with a map of the users, coloured by persona, instead");
  users->callback([&options, &status, arguments] {
    status = finish(embed_users(options, *arguments), options.json);
  });
}

}  // namespace kith::cli
