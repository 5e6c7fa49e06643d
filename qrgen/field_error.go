package qrgen

import (
	"maps"
	"slices"
	"strconv"
)

// FieldError says what is wrong with a payload, or with the values that were to become one.
type FieldError struct {
	Code     string // stable, such as bad_crc; Message has a sentence for each
	Field    string // an input field ("account", "additional/purpose") or, on reading, the path of tags ("38-01-01"); may be empty
	Position int    // character of the text read, from 1; 0 when there is no one place
}

// Error is in English and holds no part of the payload, so that it can be shown and logged.
func (e *FieldError) Error() string {
	text := e.Message()
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.Position > 0 {
		text += " (character " + strconv.Itoa(e.Position) + ")"
	}
	return text
}

// Message is the code in words, without the field: one sentence for each code, which can serve as the key of a translation.
func (e *FieldError) Message() string {
	if text, ok := messages[e.Code]; ok {
		return text
	}
	return notValid
}

// Message is a warning of Decoded.Warnings in words.
func Message(code string) string { return (&FieldError{Code: code}).Message() }

// Messages lists every sentence that Message can give, for those who translate.
func Messages() []string {
	return append(slices.Sorted(maps.Values(messages)), notValid)
}

const notValid = "Not valid."

var messages = map[string]string{
	// The frame of a payload.
	"empty":                  "There is nothing to read.",
	"too_long":               "Longer than a QR code can be.",
	"surrounding_whitespace": "Blanks or line ends stand around the code.",
	"control_character":      "An invisible control character is inside.",
	"crc_missing":            "Not a payment code, or cut off: the checksum is missing at the end.",
	"bad_crc":                "The checksum does not match: the code was damaged or changed.",
	"crc_lowercase":          "The checksum is written in lower case.",
	"crc_not_last":           "The checksum is not the last part.",
	"truncated_tlv":          "A part is cut off.",
	"length_overrun":         "A part is longer than the room it stands in.",
	"bad_tag":                "A tag is not two digits.",
	"bad_length":             "A length is not two digits.",
	"length_counts_bytes":    "Lengths count bytes instead of characters.",
	"empty_value":            "A part is empty.",
	"duplicate_tag":          "A part is there twice.",
	"missing_version":        "The version is missing.",
	"version_not_first":      "The version is not the first part.",
	"unsupported_version":    "A version that is not known.",
	"missing_poi":            "It does not say whether it is for one payment or for many.",
	"bad_poi":                "Whether it is for one payment or for many must be 11 or 12.",
	"over_512":               "Longer than 512 bytes; some apps may not read it.",

	// Who is paid.
	"missing_merchant_account": "No receiving account is in the code.",
	"not_vietqr":               "A payment code, but not VietQR.",
	"missing_guid":             "The receiving account names no payment scheme.",
	"bad_guid":                 "The receiving account belongs to another payment scheme.",
	"napas_guid_outside_38":    "The VietQR account does not stand in its place.",
	"missing_beneficiary":      "The bank and the account are missing.",
	"missing_bin":              "The bank is missing.",
	"bad_bin":                  "A bank number (BIN) has six digits.",
	"missing_account":          "The account number is missing.",
	"account_too_long":         "An account number has at most 19 characters.",
	"bad_account":              "An account number has digits and plain letters only.",
	"bad_service":              "A service that is not known.",
	"service_nested":           "The service stands in the wrong place.",
	"missing_service":          "No service is named: by the rules a payment to a merchant, not a transfer to an account.",
	"scheme_vnpay":             "A VNPAY-QR code: it can be read, but not reissued as a transfer code.",
	"scheme_other":             "A code of another scheme: it can be read, but not reissued as a transfer code.",

	// What is paid, and for what.
	"bad_mcc":                   "A category has four digits.",
	"missing_currency":          "The currency is missing.",
	"bad_currency":              "A currency has three digits.",
	"wrong_currency":            "The currency is not dong.",
	"bad_amount":                "An amount is whole dong in digits, without grouping.",
	"amount_zero":               "The amount is zero.",
	"amount_too_long":           "An amount has at most 13 digits.",
	"amount_has_decimals":       "The amount is written with decimals; dong has none.",
	"static_with_amount":        "A code for many payments that fixes an amount.",
	"dynamic_without_amount":    "A code for one payment without an amount.",
	"bad_tip_indicator":         "The tip indicator must be 01, 02 or 03.",
	"tip_fields_inconsistent":   "The fee does not match the tip indicator.",
	"missing_country":           "The country is missing.",
	"wrong_country":             "The country is not Vietnam.",
	"field_over_limit":          "Too long for its place in the code.",
	"non_ascii":                 "Letters with marks do not belong here.",
	"bad_consumer_data_request": "Only A, M and E may be asked of a payer, each once.",
	"bad_language_template":     "The name in another language lacks the language or the name.",
	"unreserved_without_guid":   "A private part does not say whose it is.",
	"missing_merchant_field":    "A merchant's code needs category, name and city.",
	"missing_cash_label":        "A cash withdrawal code needs reference and terminal.",
	"unknown_field":             "A field that is not known.",

	// Numbers as people write them.
	"card_number":      "This is a card number; the account number is needed.",
	"account_rounded":  "A spreadsheet has changed this number; type it again as text.",
	"mobile_letters":   "A mobile number has digits only.",
	"mobile_length":    "A mobile number has ten digits.",
	"mobile_prefix":    "A mobile number begins with 03, 05, 07, 08 or 09.",
	"mobile_lost_zero": "The leading zero of this number is lost.",

	// A file of the directory.
	"table_too_large":   "The file is larger than a list of banks can be.",
	"table_not_utf8":    "The file is not in UTF-8. Save it as CSV UTF-8.",
	"table_broken":      "The file is not CSV: its quotation marks do not match.",
	"table_empty":       "The file has no rows below its heading.",
	"heading_unknown":   "A heading that is not known, or is there twice.",
	"heading_missing":   "A heading is missing.",
	"row_cells":         "A row has another number of cells than the heading.",
	"row_twice":         "This bank number is there twice.",
	"cell_missing":      "This cell may not be empty.",
	"bad_text":          "Too long, or with invisible characters inside.",
	"bad_code":          "A code has small letters, digits, _ and - only, at most 32.",
	"bad_word":          "Not one of the words that may stand here.",
	"bad_flag":          "Write 1 for yes and 0 for no.",
	"bad_day":           "Write a day as 2026-11-22.",
	"ends_before_start": "It ends before it begins.",
	"name_taken":        "Another bank or wallet is called so.",

	// Symbols.
	"symbol_unreadable": "The QR code could not be read back.",
	"damage_too_great":  "No QR code stands so much damage.",
	"module_small":      "The code's squares would be too small to scan. Choose a larger size.",
}
