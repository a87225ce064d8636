#include "kith/grammar/automaton.h"

#include <algorithm>
#include <array>

#include "kith/text/utf8.h"

namespace kith::grammar {
namespace {

constexpr char32_t kMaxCodePoint = 0x10FFFF;
constexpr char32_t kBeforeSurrogates = 0xD7FF;
constexpr char32_t kAfterSurrogates = 0xE000;

// The rules that `rule` may call before it reads anything.
std::vector<RuleId> first_calls(const Automaton& automaton, RuleId rule) {
  std::vector<RuleId> calls;
  std::vector<NodeId> pending{automaton.rule(rule).start};
  std::vector<NodeId> seen = pending;
  while (!pending.empty()) {
    const NodeId node = pending.back();
    pending.pop_back();
    for (const Edge& edge : automaton.node(node).edges) {
      if (edge.kind == Edge::Kind::kCall) calls.push_back(edge.rule);
      if (edge.kind != Edge::Kind::kEmpty) continue;
      if (std::find(seen.begin(), seen.end(), edge.target) != seen.end()) continue;
      seen.push_back(edge.target);
      pending.push_back(edge.target);
    }
  }
  return calls;
}

}  // namespace

RuleId Automaton::add_rule(int min_count, int max_count) {
  const auto id = static_cast<RuleId>(rules_.size());
  rules_.push_back({.min_count = min_count, .max_count = max_count});
  rules_.back().start = add_node(id);
  rules_.back().end = add_node(id);
  return id;
}

NodeId Automaton::add_node(RuleId rule) {
  // Rules are bounded by this too: each has two nodes.
  if (nodes_.size() >= kMaxNodes) {
    is_too_large_ = true;
    return static_cast<NodeId>(nodes_.size() - 1);
  }
  nodes_.push_back({.edges = {}, .rule = rule});
  return static_cast<NodeId>(nodes_.size() - 1);
}

void Automaton::add_edge(NodeId from, const Edge& edge) {
  if (is_too_large_) return;
  if (++num_edges_ > kMaxEdges) is_too_large_ = true;
  nodes_[static_cast<std::size_t>(from)].edges.push_back(edge);
}

void Automaton::add_bytes(NodeId from, std::uint8_t low, std::uint8_t high, NodeId to) {
  add_edge(from, {.kind = Edge::Kind::kBytes, .low = low, .high = high, .target = to});
}

void Automaton::add_empty(NodeId from, NodeId to) {
  add_edge(from, {.kind = Edge::Kind::kEmpty, .target = to});
}

void Automaton::add_call(NodeId from, RuleId rule, NodeId to) {
  add_edge(from, {.kind = Edge::Kind::kCall, .rule = rule, .target = to});
}

void Automaton::add_literal(NodeId from, std::string_view text, NodeId to) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const NodeId next = i + 1 == text.size() ? to : add_node(node(from).rule);
    add_bytes(from, byte, byte, next);
    from = next;
  }
}

void Automaton::add_choice(NodeId from, std::vector<std::string> texts, NodeId to) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  // The nodes of the text before this one: path[i] is behind its first i bytes.
  std::vector<NodeId> path{from};
  std::string_view previous;
  for (const std::string& text : texts) {
    const auto shared = static_cast<std::size_t>(
        std::mismatch(previous.begin(), previous.end(), text.begin(), text.end()).first -
        previous.begin());
    path.resize(shared + 1);
    for (std::size_t i = shared; i < text.size(); ++i) {
      const auto byte = static_cast<std::uint8_t>(text[i]);
      path.push_back(add_node(node(from).rule));
      add_bytes(path[i], byte, byte, path[i + 1]);
    }
    add_empty(path.back(), to);
    previous = text;
  }
}

void Automaton::add_code_points(NodeId from, std::span<const CodePointRange> ranges, NodeId to,
                                Guard guard, bool counts) {
  const Reading reading{.to = to, .guard = guard, .counts = counts};
  for (const auto& [low, high] : ranges) {
    if (low <= kBeforeSurrogates) add_utf8(from, low, std::min(high, kBeforeSurrogates), reading);
    if (high >= kAfterSurrogates) {
      add_utf8(from, std::max(low, kAfterSurrogates), std::min(high, kMaxCodePoint), reading);
    }
  }
}

// Cuts a range until every code point of a part differs from the others in whole ranges of bytes
// only (Cox, "Regular Expression Matching in the Wild", 2010).
void Automaton::add_utf8(NodeId from, char32_t low, char32_t high, const Reading& reading) {
  if (low > high) return;
  const auto split = [&](char32_t last) {
    add_utf8(from, low, last, reading);
    add_utf8(from, last + 1, high, reading);
  };
  for (const char32_t last : {char32_t{0x7F}, char32_t{0x7FF}, char32_t{0xFFFF}}) {
    if (low <= last && high > last) return split(last);
  }
  for (int i = 1; i < 4 && high > 0x7F; ++i) {
    const char32_t mask = (char32_t{1} << (6 * i)) - 1;
    if ((low & ~mask) == (high & ~mask)) continue;
    if ((low & mask) != 0) return split(low | mask);
    if ((high & mask) != mask) return split((high & ~mask) - 1);
  }
  std::string first;
  std::string last;
  text::append_utf8(first, low);
  text::append_utf8(last, high);
  for (std::size_t i = 0; i < first.size(); ++i) {
    const bool is_last = i + 1 == first.size();
    const NodeId next = is_last ? reading.to : add_node(node(from).rule);
    add_edge(from, {.kind = Edge::Kind::kBytes,
                    .low = static_cast<std::uint8_t>(first[i]),
                    .high = static_cast<std::uint8_t>(last[i]),
                    .guard = i == 0 ? reading.guard : Guard::kNone,
                    .counts = is_last && reading.counts,
                    .target = next});
    from = next;
  }
}

bool Automaton::is_left_recursive() const {
  enum class Mark : std::uint8_t { kNew, kOpen, kDone };
  std::vector<Mark> marks(rules_.size(), Mark::kNew);
  std::vector<std::vector<RuleId>> calls(rules_.size());
  // Depth first without recursion: the rules may call each other a long way.
  for (RuleId root = 0; root < static_cast<RuleId>(rules_.size()); ++root) {
    std::vector<RuleId> path;
    const auto enter = [&](RuleId rule) {
      marks[static_cast<std::size_t>(rule)] = Mark::kOpen;
      calls[static_cast<std::size_t>(rule)] = first_calls(*this, rule);
      path.push_back(rule);
    };
    if (marks[static_cast<std::size_t>(root)] == Mark::kNew) enter(root);
    while (!path.empty()) {
      auto& left = calls[static_cast<std::size_t>(path.back())];
      if (left.empty()) {
        marks[static_cast<std::size_t>(path.back())] = Mark::kDone;
        path.pop_back();
        continue;
      }
      const RuleId next = left.back();
      left.pop_back();
      if (marks[static_cast<std::size_t>(next)] == Mark::kOpen) return true;
      if (marks[static_cast<std::size_t>(next)] == Mark::kNew) enter(next);
    }
  }
  return false;
}

}  // namespace kith::grammar
