// Check digits of numbers that name a person or an account. Each takes the number without
// separators; pure functions.
#pragma once

#include <string_view>

namespace kith::text {

// Payment cards: length and first digits of a known scheme, and the check digit of Luhn (ISO/IEC
// 7812-1).
bool is_card_number(std::string_view digits);

// A length that the country uses and the check digits of ISO 13616 (mod 97). Upper case.
bool is_iban(std::string_view number);
// The length that IBANs of a country have ("GB"), 0 if it has none.
std::size_t iban_length(std::string_view country);

// Citizen identification of China (GB 11643): 17 digits with a date of birth, and a digit or X
// (ISO 7064 MOD 11-2).
bool is_chinese_id(std::string_view number);
// Social security number of the United States, nine digits without check digit: ranges that were
// never given out are refused.
bool is_us_social_security(std::string_view digits);
// National insurance number of the United Kingdom: "AB123456C".
bool is_uk_national_insurance(std::string_view number);
// French social security number (NIR): 13 digits and a key mod 97.
bool is_french_social_security(std::string_view digits);
// Spanish DNI (eight digits and a letter) or NIE (X, Y or Z, seven digits and a letter).
bool is_spanish_id(std::string_view number);
// Italian codice fiscale, 16 characters with a check letter.
bool is_italian_tax_code(std::string_view number);
// Indian Aadhaar: twelve digits, the last by Verhoeff.
bool is_aadhaar(std::string_view digits);
// Dutch BSN, nine digits ("elfproef"); German tax id, eleven digits (ISO 7064 MOD 11,10); Polish
// PESEL, eleven digits. Of these a tenth of all numbers passes: only where they are named.
bool is_dutch_bsn(std::string_view digits);
bool is_german_tax_id(std::string_view digits);
bool is_polish_pesel(std::string_view digits);

}  // namespace kith::text
