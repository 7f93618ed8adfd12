#include "json-scan.h"

#include <stdint.h>
#include <string.h>

#include "otad/base/utf8.h"

void json_scan_init(struct json_scan *scan, char *text, size_t size)
{
	scan->at = (unsigned char *)text;
	scan->end = scan->at + size;
	scan->text = NULL;
	scan->text_bytes = 0;
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool in_range(unsigned char c, unsigned char low, unsigned char high)
{
	return c >= low && c <= high;
}

static bool read_hex4(struct json_scan *scan, uint32_t *ret_unit)
{
	uint32_t unit = 0;
	int i;

	if (scan->end - scan->at < 4)
		return false;
	for (i = 0; i < 4; i++) {
		unsigned char c = *scan->at++;

		unit <<= 4;
		if (is_digit(c))
			unit |= c - '0';
		else if (in_range(c, 'a', 'f'))
			unit |= c - 'a' + 10;
		else if (in_range(c, 'A', 'F'))
			unit |= c - 'A' + 10;
		else
			return false;
	}
	*ret_unit = unit;
	return true;
}

/* Behind "\u": one character, which may take a pair of escapes. */
static bool read_code_point(struct json_scan *scan, uint32_t *ret_code)
{
	uint32_t high, low;

	if (!read_hex4(scan, &high))
		return false;
	if (high < 0xD800 || high > 0xDFFF) {
		*ret_code = high;
		return true;
	}
	if (high > 0xDBFF)
		return false; /* a low surrogate without its high one */
	if (scan->end - scan->at < 2 || scan->at[0] != '\\' ||
	    scan->at[1] != 'u')
		return false;
	scan->at += 2;
	if (!read_hex4(scan, &low) || low < 0xDC00 || low > 0xDFFF)
		return false;
	*ret_code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
	return true;
}

static unsigned char *put_utf8(unsigned char *out, uint32_t code)
{
	if (code < 0x80) {
		*out++ = (unsigned char)code;
		return out;
	}
	if (code < 0x800) {
		*out++ = (unsigned char)(0xC0 | code >> 6);
	} else {
		if (code < 0x10000) {
			*out++ = (unsigned char)(0xE0 | code >> 12);
		} else {
			*out++ = (unsigned char)(0xF0 | code >> 18);
			*out++ = (unsigned char)(0x80 | (code >> 12 & 0x3F));
		}
		*out++ = (unsigned char)(0x80 | (code >> 6 & 0x3F));
	}
	*out++ = (unsigned char)(0x80 | (code & 0x3F));
	return out;
}

/* Behind the backslash. What it writes is never longer than what it reads. */
static unsigned char *unescape(struct json_scan *scan, unsigned char *out,
			       bool is_key)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	const char *letter;
	uint32_t code;

	if (scan->at == scan->end)
		return NULL;
	if (*scan->at != 'u') {
		if (*scan->at == '\0')
			return NULL;
		letter = strchr(letters, *scan->at++);
		if (!letter)
			return NULL;
		*out++ = (unsigned char)meanings[letter - letters];
		return out;
	}
	scan->at++;
	if (!read_code_point(scan, &code))
		return NULL;
	if (code == 0 && is_key) {
		*out++ = 0xC0;
		*out++ = 0x80;
		return out;
	}
	return put_utf8(out, code);
}

/* Behind the opening quote. */
static enum json_token scan_string(struct json_scan *scan, bool is_key)
{
	unsigned char *out = scan->at;

	scan->text = (char *)out;
	while (scan->at < scan->end && *scan->at != '"') {
		size_t length;

		if (*scan->at == '\\') {
			scan->at++;
			out = unescape(scan, out, is_key);
			if (!out)
				return JSON_TOKEN_BAD;
			continue;
		}
		length = utf8_length(scan->at, scan->end);
		if (length == 0 || *scan->at < 0x20)
			return JSON_TOKEN_BAD;
		memmove(out, scan->at, length);
		out += length;
		scan->at += length;
	}
	if (scan->at == scan->end)
		return JSON_TOKEN_BAD;
	scan->at++;
	scan->text_bytes = (size_t)((char *)out - scan->text);
	*out = '\0'; /* on the closing quote, or before it */
	return JSON_TOKEN_STRING;
}

static bool skip_digits(struct json_scan *scan)
{
	const unsigned char *first = scan->at;

	/* The NUL at the end is no digit. */
	while (is_digit(*scan->at))
		scan->at++;
	return scan->at > first;
}

static enum json_token scan_number(struct json_scan *scan)
{
	enum json_token token = JSON_TOKEN_INTEGER;

	scan->text = (char *)scan->at;
	if (*scan->at == '-')
		scan->at++;
	if (*scan->at == '0')
		scan->at++; /* "01" becomes two tokens, which no grammar allows */
	else if (!skip_digits(scan))
		return JSON_TOKEN_BAD;
	if (*scan->at == '.') {
		token = JSON_TOKEN_FRACTION;
		scan->at++;
		if (!skip_digits(scan))
			return JSON_TOKEN_BAD;
	}
	if (*scan->at == 'e' || *scan->at == 'E') {
		token = JSON_TOKEN_FRACTION;
		scan->at++;
		if (*scan->at == '+' || *scan->at == '-')
			scan->at++;
		if (!skip_digits(scan))
			return JSON_TOKEN_BAD;
	}
	scan->text_bytes = (size_t)((char *)scan->at - scan->text);
	return token;
}

static enum json_token scan_word(struct json_scan *scan, const char *word,
				 enum json_token token)
{
	size_t length = strlen(word);

	if ((size_t)(scan->end - scan->at) < length ||
	    memcmp(scan->at, word, length) != 0)
		return JSON_TOKEN_BAD;
	scan->at += length;
	return token;
}

static enum json_token scan_next(struct json_scan *scan, bool is_key)
{
	while (scan->at < scan->end &&
	       (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' ||
		*scan->at == '\r'))
		scan->at++;
	if (scan->at == scan->end)
		return JSON_TOKEN_END;

	switch (*scan->at) {
	case '{':
		scan->at++;
		return JSON_TOKEN_OBJECT_OPEN;
	case '}':
		scan->at++;
		return JSON_TOKEN_OBJECT_CLOSE;
	case '[':
		scan->at++;
		return JSON_TOKEN_ARRAY_OPEN;
	case ']':
		scan->at++;
		return JSON_TOKEN_ARRAY_CLOSE;
	case ':':
		scan->at++;
		return JSON_TOKEN_COLON;
	case ',':
		scan->at++;
		return JSON_TOKEN_COMMA;
	case '"':
		scan->at++;
		return scan_string(scan, is_key);
	case 't':
		return scan_word(scan, "true", JSON_TOKEN_TRUE);
	case 'f':
		return scan_word(scan, "false", JSON_TOKEN_FALSE);
	case 'n':
		return scan_word(scan, "null", JSON_TOKEN_NULL);
	default:
		return scan_number(scan);
	}
}

enum json_token json_scan_next(struct json_scan *scan)
{
	return scan_next(scan, false);
}

enum json_token json_scan_next_key(struct json_scan *scan)
{
	return scan_next(scan, true);
}
