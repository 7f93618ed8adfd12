#include "otad/model/offer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define PORT_MAX 65535
#define PORT_MAX_DIGITS 5

static bool bytes_are_allowed(const char *url)
{
	size_t size = 0;

	for (; url[size]; size++) {
		unsigned char c = (unsigned char)url[size];

		if (size >= OFFER_MAX_URL_BYTES || c < 0x21 || c > 0x7E ||
		    strchr("\\\"<>", c))
			return false;
	}
	return size > 0;
}

static bool port_is_valid(const char *text, size_t size)
{
	unsigned port = 0;

	if (size == 0 || size > PORT_MAX_DIGITS || strspn(text, DIGITS) < size)
		return false;
	for (size_t i = 0; i < size; i++)
		port = port * 10 + (unsigned)(text[i] - '0');
	return port > 0 && port <= PORT_MAX;
}

/* The size of `[...]` with its brackets; 0 when that is no IPv6 address. */
static size_t ipv6_host_size(const char *authority, size_t size)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct in6_addr address;
	const char *end = memchr(authority, ']', size);
	size_t length;

	if (!end)
		return 0;
	length = (size_t)(end - authority) - 1;
	if (length >= sizeof(text))
		return 0;
	memcpy(text, authority + 1, length);
	if (inet_pton(AF_INET6, text, &address) != 1)
		return 0;
	return length + 2;
}

static bool authority_is_valid(const char *authority, size_t size)
{
	size_t host;

	if (size == 0)
		return false;
	if (authority[0] == '[')
		host = ipv6_host_size(authority, size);
	else
		host = strspn(authority, LETTERS DIGITS "._-");
	if (host == 0 || host > size)
		return false;
	if (host == size)
		return true;
	return authority[host] == ':' &&
	       port_is_valid(authority + host + 1, size - host - 1);
}

enum offer_fault offer_check_url(const char *url, bool allow_http)
{
	size_t scheme = strspn(url, LETTERS);
	bool is_http, is_https;
	const char *authority;
	size_t size;

	if (!bytes_are_allowed(url) || scheme == 0 || url[scheme] != ':')
		return OFFER_BAD_URL;
	is_http = scheme == strlen("http") && !strncasecmp(url, "http", scheme);
	is_https = scheme == strlen("https") &&
		   !strncasecmp(url, "https", scheme);
	if (!is_http && !is_https)
		return OFFER_URL_SCHEME;
	if (strncmp(url + scheme, "://", strlen("://")) != 0)
		return OFFER_BAD_URL;
	if (is_http && !allow_http)
		return OFFER_URL_SCHEME;
	authority = url + scheme + strlen("://");
	size = strcspn(authority, "/?#");
	if (memchr(authority, '@', size))
		return OFFER_URL_CREDENTIALS;
	return authority_is_valid(authority, size) ? OFFER_OK : OFFER_BAD_URL;
}
