#include "kith/text/pii.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "kith/base/rng.h"
#include "kith/text/pii_checksums.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

PiiRedactor with_names(std::vector<std::string> names) {
  return PiiRedactor({.names = std::move(names), .allowed = {}});
}

struct Case {
  std::string text;
  std::string redacted;
};

void expect_redacted(const PiiRedactor& redactor, const std::vector<Case>& cases) {
  for (const auto& [text, redacted] : cases) EXPECT_EQ(redactor.redact(text), redacted) << text;
}

void expect_untouched(const std::vector<std::string>& texts) {
  const PiiRedactor redactor;
  for (const std::string& text : texts) EXPECT_EQ(redactor.redact(text), text);
}

TEST(PiiTest, FindsMailAddresses) {
  expect_redacted(PiiRedactor(),
                  {{"Write to jonas.turner+it@northgate.example.", "Write to [e-mail address]."},
                   {"(a_b@mail.co.uk), c@d.org", "([e-mail address]), [e-mail address]"},
                   {"请联系zhang.wei@example.cn确认", "请联系[e-mail address]确认"},
                   {"<o'neil@example.com>", "<[e-mail address]>"},
                   {"mailto:x@example.com?subject=hi", "mailto:[e-mail address]?subject=hi"}});
  expect_untouched({"user@localhost", "npm i lodash@4.17.21", "icon@2x.png",
                    "git clone git@github.com:org/repo.git", "at 5 @ 3.14", "@channel please"});
}

TEST(PiiTest, FindsTelephoneNumbers) {
  expect_redacted(PiiRedactor(), {{"Call +44 113 555 0148 now", "Call [phone number] now"},
                                  {"+44 (0)113 555-0148", "[phone number]"},
                                  {"(0113) 555 0148", "[phone number]"},
                                  {"0113 555 0148.", "[phone number]."},
                                  {"01135550148", "[phone number]"},
                                  {"030/1234567", "[phone number]"},
                                  {"06 12 34 56 78", "[phone number]"},
                                  {"(415) 555-2671", "[phone number]"},
                                  {"1-415-555-2671", "[phone number]"},
                                  {"手机13812345678，谢谢", "手机[phone number]，谢谢"},
                                  {"+86 138 1234 5678", "[phone number]"},
                                  {"my mobile is 555 0148 22", "my mobile is [phone number]"}});
}

// Precision: what a service desk is full of stays.
TEST(PiiTest, LeavesNumbersOfThingsAlone) {
  expect_untouched({"INC0012345 and REQ-00123456",
                    "ticket 0123456789",
                    "ticket no. 15012345678",
                    "#0123456789",
                    "工单15012345678",
                    "KB5034441 on build 10.0.19045.3930",
                    "Tidegate version 4.12.0.118",
                    "version 10.2.3.4",
                    "2025-03-03T11:48:21Z",
                    "03.04.2025 10:30, 04/05/2025",
                    "open 07:00-19:00 UK time",
                    "0700-1900",
                    "extension 4357",
                    "GBP 3,140 per employee, 3.4 % of revenue",
                    "error 0x80070005",
                    "ports 8080 and 65535",
                    "255.255.255.0 and 127.0.0.1",
                    "order 4111 of 2024",
                    "550e8400-e29b-41d4-a716-446655440000",
                    "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                    "std::vector and a::b::c",
                    "12:30:45",
                    "https://desk.example/ticket/0113555014",
                    "form EX-70, 45 minutes, 1,234,567 rows",
                    "password: at least 12 characters",
                    "the password is self-service",
                    "token expires: 30 days",
                    "Windows 11 Google Drive",
                    "Arbeitsplatz 3",
                    "Room 12, floor 3",
                    "asset 4111111111111111"});
}

// Numbers from the schemes' own documents and tests.
TEST(PiiTest, FindsCardsAndAccountsByTheirCheckDigits) {
  expect_redacted(PiiRedactor(), {{"card 4111 1111 1111 1111 12/26", "card [card number] 12/26"},
                                  {"378282246310005", "[card number]"},
                                  {"5555-5555-5555-4444", "[card number]"},
                                  {"4111 1111 1111 1112", "4111 1111 1111 1112"},
                                  {"IBAN GB82 WEST 1234 5698 7654 32.", "IBAN [bank account]."},
                                  {"DE89370400440532013000", "[bank account]"},
                                  {"DE88370400440532013000", "DE88370400440532013000"},
                                  {"FR14 2004 1010 0505 0001 3M02 606", "[bank account]"}});
}

TEST(PiiTest, FindsAddressesOfMachines) {
  expect_redacted(PiiRedactor(),
                  {{"from 192.168.10.24/24", "from [IP address]/24"},
                   {"ping 10.1.2.3, then 8.8.4.4", "ping [IP address], then [IP address]"},
                   {"2001:db8::ff00:42:8329", "[IP address]"},
                   {"00:1A:2b:3C:4d:5E", "[MAC address]"},
                   {"00-1A-2B-3C-4D-5E", "[MAC address]"},
                   {"001a.2b3c.4d5e", "[MAC address]"}});
}

TEST(PiiTest, FindsNationalIds) {
  expect_redacted(PiiRedactor(),
                  {{"SSN 536-90-4399", "SSN [ID number]"},
                   {"NI number QQ123456C AB123456C", "NI number QQ123456C [ID number]"},
                   {"AB 12 34 56 C", "[ID number]"},
                   {"身份证11010519491231002X", "身份证[ID number]"},
                   {"DNI 12345678Z", "DNI [ID number]"},
                   {"RSSMRA85T10A562S", "[ID number]"},
                   {"BSN 111222333", "BSN [ID number]"},
                   {"item 111222333", "item 111222333"},
                   {"Steuer-ID 86095742719", "Steuer-ID [ID number]"}});
}

TEST(PiiTest, FindsStreets) {
  expect_redacted(PiiRedactor(), {{"Send it to 12 Harbour Street, Leeds LS1 4DY please",
                                   "Send it to [street address] please"},
                                  {"I live at 221b Baker Street.", "I live at [street address]."},
                                  {"5 Rose Drive, Leeds", "[street address]"},
                                  {"Musterstraße 12 ist", "[street address] ist"},
                                  {"Keizersgracht 241", "[street address]"},
                                  {"请寄到星湖街328号", "[street address]"}});
}

TEST(PiiTest, FindsSecrets) {
  expect_redacted(
      PiiRedactor(),
      {{"My password is Summer2024! ok?", "My password is [secret] ok?"},
       {"pwd=hunter2x;", "pwd=[secret];"},
       {"PIN: 4821", "PIN: [secret]"},
       {"密码：Abc12345", "密码：[secret]"},
       {"key AKIAIOSFODNN7EXAMPLE", "key [secret]"},
       {"ghp_16C7e42F292c6912E7710c838347Ae178B4a", "[secret]"},
       {"Authorization: Bearer abcdef123456", "Authorization: Bearer [secret]"},
       {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP", "[secret]"},
       {"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x", "[secret] x"},
       {"key VK7JG-NPHTM-C97JM-9MPGT-3V66T", "key [secret]"},
       {"111111-222222-333333-444444-555555-666666-777777-888888", "[secret]"},
       {"kJ8s7Hf92LmQp3Zx81VbN4tR", "[secret]"},
       {"open https://x.example/a?token=abc123def and go", "open [link] and go"},
       {"https://bob:pw1@x.example/", "[link]"},
       {"see https://x.example/a?page=12.", "see https://x.example/a?page=12."}});
}

TEST(PiiTest, FindsKnownPeople) {
  const auto redactor = with_names({"Jonas Turner", "Gwen Ellis", "Mark Field", "陈静"});
  expect_redacted(redactor, {{"Ask jonas turner or Ellis's team", "Ask [name] or [name]'s team"},
                             {"Turner, Jonas called", "[name] called"},
                             {"Thanks, Jonas.", "Thanks, [name]."},
                             {"mark this field as done", "mark this field as done"},
                             {"Mark the box. Field crews wait for Mark Field.",
                              "Mark the box. Field crews wait for [name]."},
                             {"请问陈静在吗", "请问[name]在吗"},
                             {"turnerround Turnerround", "turnerround Turnerround"}});
}

TEST(PiiTest, WhatTheCompanyAllowsStays) {
  const PiiRedactor redactor({.names = {"Verity Peake"},
                              .allowed = {"desk@northgate.example", "+44 113 555 0148",
                                          "@shared.example", "verity peake"}});
  expect_redacted(redactor, {{"Desk@northgate.example", "Desk@northgate.example"},
                             {"me@northgate.example", "[e-mail address]"},
                             {"any@shared.example", "any@shared.example"},
                             {"ring +44 (113) 555-0148", "ring +44 (113) 555-0148"},
                             {"ring +44 113 555 0149", "ring [phone number]"},
                             {"Verity Peake decides", "Verity Peake decides"}});
}

TEST(PiiTest, CountsWhatItReplaces) {
  PiiCounts counts{};
  (void)PiiRedactor().redact("a@b.org c@d.org 192.168.1.9", &counts);
  EXPECT_EQ(counts[static_cast<std::size_t>(PiiKind::kEmail)], 2);
  EXPECT_EQ(counts[static_cast<std::size_t>(PiiKind::kIpAddress)], 1);
  EXPECT_EQ(counts[static_cast<std::size_t>(PiiKind::kPhone)], 0);
}

// Published examples of each scheme.
TEST(PiiChecksumsTest, AcceptTheSchemesExamplesAndNoneWithAChangedDigit) {
  const auto rejects_changes = [](bool (*is_valid)(std::string_view), const std::string& number) {
    EXPECT_TRUE(is_valid(number)) << number;
    for (std::size_t i = 0; i < number.size(); ++i) {
      if (number[i] < '0' || number[i] > '9') continue;
      std::string changed = number;
      changed[i] = changed[i] == '9' ? '0' : static_cast<char>(changed[i] + 1);
      EXPECT_FALSE(is_valid(changed)) << changed;
    }
  };
  rejects_changes(is_card_number, "4111111111111111");
  rejects_changes(is_iban, "GB82WEST12345698765432");
  rejects_changes(is_chinese_id, "11010519491231002X");
  rejects_changes(is_spanish_id, "12345678Z");
  rejects_changes(is_spanish_id, "X1234567L");
  rejects_changes(is_italian_tax_code, "RSSMRA85T10A562S");
  rejects_changes(is_dutch_bsn, "111222333");
  rejects_changes(is_german_tax_id, "86095742719");
  rejects_changes(is_polish_pesel, "44051401359");
  rejects_changes(is_french_social_security, "255081416802538");
  rejects_changes(is_aadhaar, "234123412346");
}

// Anything: patterns cut, joined and repeated.
TEST(PiiTest, RedactingTwiceChangesNothingAndNeverCutsACharacter) {
  const PiiRedactor redactor(
      {.names = {"Jonas Turner", "陈静", "Zoë Núñez"}, .allowed = {"x@y.org"}});
  const std::vector<std::string> pieces = {"Jonas ",
                                           "Turner",
                                           "陈静",
                                           "call ",
                                           "ticket ",
                                           "0113 555 0148",
                                           "13812345678",
                                           "a@b.org",
                                           "x@y.org",
                                           "Zoë ",
                                           "Núñez",
                                           "[name]",
                                           "]",
                                           "192.168.1.2",
                                           "::1",
                                           "密码：a1b2c3d4",
                                           "é",
                                           "电话",
                                           "+44 113 555 0148",
                                           "https://a.b/?token=abcdefg",
                                           " ",
                                           "-",
                                           ".",
                                           "'s",
                                           "\xff",
                                           "PIN: 1234 ",
                                           "4111 1111 1111 1111",
                                           "12 Harbour Street, ",
                                           "Leeds LS1 4DY",
                                           "DE89370400440532013000"};
  base::Rng rng(7);
  for (int round = 0; round < 4000; ++round) {
    std::string text;
    for (std::size_t i = 1 + rng.below(8); i > 0; --i) text += pieces[rng.below(pieces.size())];
    for (const auto& [kind, span] : redactor.find(text)) {
      ASSERT_LT(span.begin, span.end);
      const auto starts = [&](std::size_t at) {
        return at == text.size() || (static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U;
      };
      EXPECT_TRUE(starts(span.begin) && starts(span.end)) << text;
    }
    const std::string once = redactor.redact(text);
    EXPECT_TRUE(is_valid_utf8(once));
    EXPECT_EQ(redactor.redact(once), once) << text;
  }
}

// What would be quadratic if a place could be looked at from far away.
TEST(PiiTest, TakesLinearTimeOnHostileText) {
  const auto redactor = with_names({"Jonas Turner"});
  for (const std::string piece : {"a+", "sk-", "0 ", "a.", "-----BEGIN RSA PRIVATE", "eyJ.eyJ",
                                  "1:", "A1-", "a@", "http://", "Aa1=", "路1", "jonas ", "AB12"}) {
    std::string text;
    while (text.size() < (1U << 18)) text += piece;
    const auto start = std::chrono::steady_clock::now();
    (void)redactor.redact(text);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    // Some microseconds a byte, sanitizers included; quadratic would take hours.
    EXPECT_LT(spent.count(), 10.0) << piece;
  }
}

}  // namespace
}  // namespace kith::text
