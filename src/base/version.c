#include "otad/base/version.h"

#include <stddef.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int compare_sizes(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

/* Everything else separates components and is of no account. */
static const char *skip_separators(const char *text)
{
	while (*text && !is_digit(*text) && !is_letter(*text) &&
	       !strchr("~-^.", *text))
		text++;
	return text;
}

/*
 * When one of the two stands at `mark`, it is the older; when both do, both
 * step over it.
 */
static int compare_mark(const char **a, const char **b, char mark)
{
	bool at_a = **a == mark, at_b = **b == mark;

	if (at_a != at_b)
		return at_a ? -1 : 1;
	if (at_a) {
		(*a)++;
		(*b)++;
	}
	return 0;
}

static size_t digits(const char *text)
{
	size_t n = 0;

	while (is_digit(text[n]))
		n++;
	return n;
}

static size_t letters(const char *text)
{
	size_t n = 0;

	while (is_letter(text[n]))
		n++;
	return n;
}

/* Of any length, so by the count of digits first. No number is the oldest. */
static int compare_numbers(const char **a, const char **b)
{
	size_t length_a = digits(*a), length_b = digits(*b);
	const char *end_a = *a + length_a, *end_b = *b + length_b;
	int r;

	if ((length_a == 0) != (length_b == 0))
		return length_a == 0 ? -1 : 1;
	while (*a < end_a && **a == '0')
		(*a)++;
	while (*b < end_b && **b == '0')
		(*b)++;
	r = compare_sizes((size_t)(end_a - *a), (size_t)(end_b - *b));
	if (r == 0)
		r = memcmp(*a, *b, (size_t)(end_a - *a));
	*a = end_a;
	*b = end_b;
	return r;
}

static int compare_words(const char **a, const char **b)
{
	size_t length_a = letters(*a), length_b = letters(*b);
	int r;

	r = memcmp(*a, *b, length_a < length_b ? length_a : length_b);
	if (r == 0)
		r = compare_sizes(length_a, length_b);
	*a += length_a;
	*b += length_b;
	return r;
}

int version_compare(const char *a, const char *b)
{
	int r;

	for (;;) {
		a = skip_separators(a);
		b = skip_separators(b);

		/* Before the end: 1.0~rc1 is older than 1.0. */
		r = compare_mark(&a, &b, '~');
		if (r != 0)
			return r;
		if (!*a || !*b)
			return (*a != '\0') - (*b != '\0');
		r = compare_mark(&a, &b, '-');
		if (r == 0)
			r = compare_mark(&a, &b, '^');
		if (r == 0)
			r = compare_mark(&a, &b, '.');
		if (r == 0)
			r = is_digit(*a) || is_digit(*b) ?
				    compare_numbers(&a, &b) :
				    compare_words(&a, &b);
		if (r != 0)
			return r;
	}
}

bool version_is_valid(const char *version)
{
	size_t length = strlen(version);
	const char *at;

	if (length < 1 || length > VERSION_MAX_BYTES)
		return false;
	if (!is_digit(*version) && !is_letter(*version))
		return false;
	for (at = version; *at; at++)
		if (!is_digit(*at) && !is_letter(*at) &&
		    !strchr("._+~-", *at))
			return false;
	return !strstr(version, "..");
}
