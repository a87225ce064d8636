// Attributes of users as views, one for each attribute that says something about a group.
//
// Left out, with the reason:
//   denied      the deny list of attributes (catalogue.h)
//   names       attributes that hold names of people
//   personal    more than one value in twenty holds an e-mail address, a telephone number or the
//   like identifying too few users share a value with `floor` others, be it the whole value or a
//   word of
//               it: ids, dates, free text
//   constant    one value for all
//   implied     another attribute's value settles this one's (H(this | other) <= 5 % of H(this)):
//               the same thing would count twice
// A value that fewer than `floor` teaching users have counts as "other". An attribute whose values
// are too many, such as job titles, counts by the words that enough users share.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kith/persona/categorical_view.h"
#include "kith/persona/user_block.h"
#include "kith/text/pii.h"

namespace kith::persona {

struct AttributeUse {
  std::string name;
  bool by_words = false;
  // Values, or words, that at least `floor` teaching users have.
  std::vector<std::string> values;
  // Per user; an index of values.size() stands for any other value. Empty if he has none.
  std::vector<ValueWeights> users;
};

struct AttributeLeftOut {
  std::string name;
  std::string reason;  // one of those above

  friend bool operator==(const AttributeLeftOut&, const AttributeLeftOut&) = default;
};

class AttributeBlock final : public UserBlock {
 public:
  explicit AttributeBlock(std::size_t floor) : floor_(floor) {}

  Status add(const DiscoveryUser& user) override;
  MixtureViews finish(const std::vector<std::size_t>& teachers) override;

  // After finish(), in the order of the names. Implied attributes are among the uses too: they do
  // not decide on groups, but describe them.
  const std::vector<AttributeUse>& uses() const { return uses_; }
  const std::vector<AttributeLeftOut>& left_out() const { return left_out_; }

 private:
  // One attribute of all users.
  struct Column {
    std::vector<std::string> distinct;
    std::map<std::string, std::uint32_t> index;
    // Number of the user, index of his value; in order.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> entries;
  };

  std::optional<std::string> reason_against(const std::string& name, const Column& column,
                                            const std::vector<bool>& teaches, AttributeUse& use);
  bool use_values(const Column& column, const std::vector<bool>& teaches, AttributeUse& use) const;
  bool use_words(const Column& column, const std::vector<bool>& teaches, AttributeUse& use) const;

  std::size_t floor_;
  std::size_t num_users_ = 0;
  std::map<std::string, Column> columns_;
  std::set<std::string> denied_;
  text::PiiRedactor redactor_;
  std::vector<AttributeUse> uses_;
  std::vector<AttributeLeftOut> left_out_;
};

}  // namespace kith::persona
