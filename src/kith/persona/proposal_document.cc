#include "kith/persona/proposal_document.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "kith/base/json.h"

namespace kith::persona {
namespace {

using base::OrderedJson;

// Parts of a proposal's name.
constexpr std::size_t kNameParts = 2;
// A value names a group if this share of it has it.
constexpr double kNameShare = 0.25;
// A rule's value is that much more frequent in the group than everywhere.
constexpr double kMinRuleLift = 1.5;

std::string format(const char* pattern, double value) {
  char buffer[64];
  const int length = std::snprintf(buffer, sizeof(buffer), pattern, value);
  return std::string(buffer, static_cast<std::size_t>(length));
}

// Finer figures would give away counts below the floor.
double to_hundredths(double value) { return std::round(100.0 * value) / 100.0; }

// The basic string of TOML, which JSON's strings are but for DEL.
std::string quote(const std::string& text) {
  std::string quoted = base::dump_json(base::Json(text));
  for (std::size_t at = quoted.find('\x7f'); at != std::string::npos;
       at = quoted.find('\x7f', at)) {
    quoted.replace(at, 1, "\\u007F");
  }
  return quoted;
}

std::string quote_all(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + quote(text);
  return "[" + list + "]";
}

std::string id_of(const Discovery& discovery, std::size_t index) {
  const PersonaId& known = discovery.proposals[index].known_as;
  return known.empty() ? "proposal_" + std::to_string(index + 1) : known.str();
}

double lift(const TypicalValue& value) { return value.share / value.share_of_all; }

// By the values of different attributes that set it apart most, then by its words.
std::string name_of(const PersonaProposal& proposal) {
  std::vector<TypicalValue> values = proposal.values;
  std::erase_if(values,
                [](const auto& value) { return value.is_word || value.share < kNameShare; });
  std::stable_sort(values.begin(), values.end(),
                   [](const auto& a, const auto& b) { return lift(a) > lift(b); });
  std::vector<std::string> parts;
  std::set<std::string> attributes;
  for (const TypicalValue& value : values) {
    if (attributes.insert(value.attribute).second) parts.push_back(value.value);
  }
  for (const TypicalTerm& term : proposal.terms) parts.push_back(term.term);
  std::string name;
  for (std::size_t i = 0; i < std::min(parts.size(), kNameParts); ++i) {
    name += (name.empty() ? "" : ", ") + parts[i];
  }
  return name.empty() ? "everybody else" : name;
}

std::string describe(const PersonaProposal& proposal) {
  std::string text = "Proposed from " + std::to_string(proposal.users) + " users.";
  std::string terms;
  for (const TypicalTerm& term : proposal.terms) terms += (terms.empty() ? "" : ", ") + term.term;
  if (!terms.empty()) text += " Typical words: " + terms + ".";
  return text;
}

OrderedJson to_json(const PersonaProposal& proposal) {
  OrderedJson json{{"name", name_of(proposal)}, {"users", proposal.users}};
  if (!proposal.known_as.empty()) json["known_as"] = proposal.known_as.str();
  json["values"] = OrderedJson::array();
  for (const TypicalValue& value : proposal.values) {
    OrderedJson item{{"attribute", value.attribute}, {"value", value.value}};
    if (value.is_word) item["word"] = true;
    item["users"] = value.users;
    item["share"] = to_hundredths(value.share);
    item["share_of_all"] = to_hundredths(value.share_of_all);
    item["z"] = to_hundredths(value.z);
    json["values"].push_back(std::move(item));
  }
  json["terms"] = OrderedJson::array();
  for (const TypicalTerm& term : proposal.terms) {
    json["terms"].push_back(
        {{"term", term.term}, {"users", term.users}, {"z", to_hundredths(term.z)}});
  }
  json["overlaps"] = OrderedJson::array();
  for (const PersonaOverlap& overlap : proposal.overlaps) {
    json["overlaps"].push_back({{"persona", overlap.persona.str()},
                                {"users", overlap.users},
                                {"jaccard", to_hundredths(overlap.jaccard)}});
  }
  for (const UserId& user : proposal.nearest) json["nearest"].push_back(user.str());
  return json;
}

std::string to_table(const PersonaProposal& proposal, const std::string& id) {
  std::string text = id + "  " + std::to_string(proposal.users) + " users  " + name_of(proposal);
  text += proposal.known_as.empty() ? "  (new)\n" : "\n";
  for (const PersonaOverlap& overlap : proposal.overlaps) {
    text += "  is " + overlap.persona.str() + " for " + std::to_string(overlap.users) +
            " of them (Jaccard " + format("%.2f", overlap.jaccard) + ")\n";
  }
  for (const TypicalValue& value : proposal.values) {
    text += "  " + value.attribute + (value.is_word ? " ~ " : " = ") + value.value + "  " +
            format("%.0f", 100.0 * value.share) + " % (of all " +
            format("%.0f", 100.0 * value.share_of_all) + " %)\n";
  }
  std::string terms;
  for (const TypicalTerm& term : proposal.terms) {
    terms += "  " + term.term + " " + format("%.1f", term.z);
  }
  if (!terms.empty()) text += "  says" + terms + "\n";
  std::string nearest;
  for (const UserId& user : proposal.nearest) nearest += "  " + user.str();
  if (!nearest.empty()) text += "  nearest" + nearest + "\n";
  return text + "\n";
}

std::string to_toml(const PersonaProposal& proposal, const std::string& id) {
  std::string toml = "[[persona]]\nid = " + quote(id) + "\nname = " + quote(name_of(proposal)) +
                     "\ndescription = " + quote(describe(proposal)) + "\n";
  // Rules compare whole values; a word of a title is none.
  std::map<std::string, std::vector<std::string>> rules;
  for (const TypicalValue& value : proposal.values) {
    if (!value.is_word && lift(value) >= kMinRuleLift)
      rules[value.attribute].push_back(value.value);
  }
  if (!rules.empty()) toml += "[persona.attributes]\n";
  for (const auto& [name, values] : rules) toml += quote(name) + " = " + quote_all(values) + "\n";
  return toml + "[persona.style]\ntone = \"plain\"\nformat = \"prose\"\nlength = \"medium\"\n\n";
}

}  // namespace

std::string to_json(const Discovery& discovery) {
  OrderedJson json{{"users", discovery.num_users},
                   {"learned_from", discovery.num_teachers},
                   {"nothing_known", discovery.num_unknown},
                   {"dissolved_groups", discovery.num_dissolved},
                   {"views", discovery.views},
                   {"criterion", discovery.criterion}};
  json["left_out"] = OrderedJson::array();
  for (const AttributeLeftOut& left_out : discovery.left_out) {
    json["left_out"].push_back({{"attribute", left_out.name}, {"reason", left_out.reason}});
  }
  json["proposals"] = OrderedJson::array();
  for (std::size_t i = 0; i < discovery.proposals.size(); ++i) {
    OrderedJson proposal{{"id", id_of(discovery, i)}};
    proposal.update(to_json(discovery.proposals[i]));
    json["proposals"].push_back(std::move(proposal));
  }
  return base::dump_json(json);
}

std::string to_table(const Discovery& discovery) {
  std::string text;
  for (std::size_t i = 0; i < discovery.proposals.size(); ++i) {
    text += to_table(discovery.proposals[i], id_of(discovery, i));
  }
  text += std::to_string(discovery.proposals.size()) + " groups of " +
          std::to_string(discovery.num_users - discovery.num_unknown) + " users, learned from " +
          std::to_string(discovery.num_teachers) + "; " + std::to_string(discovery.num_unknown) +
          " of whom nothing is known; " + std::to_string(discovery.num_dissolved) +
          " groups below the floor dissolved\nevidence in nats for 1, 2, ... groups:";
  for (const double value : discovery.criterion) text += format(" %.0f", value);
  text += "\nlooked at:";
  for (const std::string& view : discovery.views) text += " " + view + ";";
  text += "\nleft out:";
  for (const AttributeLeftOut& left_out : discovery.left_out) {
    text += " " + left_out.name + " (" + left_out.reason + ")";
  }
  return text + "\n";
}

std::string to_toml(const Discovery& discovery) {
  std::string toml =
      "# A draft: names, tone, format and needs are yours to write, as are exemplars. Attributes "
      "are\n"
      "# those that a group has more often than the others.\n\n";
  for (std::size_t i = 0; i < discovery.proposals.size(); ++i) {
    toml += to_toml(discovery.proposals[i], id_of(discovery, i));
  }
  return toml;
}

}  // namespace kith::persona
