#include "values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "otad/base/version.h"
#include "otad/model/text.h"

#define CREDENTIALS_PREFIX "%d/"
#define LETTERS_AND_DIGITS                                                     \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
/* RFC 1035, section 2.3.4, in text. */
#define HOST_MAX_BYTES 253
#define HOST_LETTERS LETTERS_AND_DIGITS "._-"
/* An IPv6 address may be allowed, and any pattern of fnmatch(3). */
#define HOST_PATTERN_LETTERS HOST_LETTERS ":*?[]!"
#define LIST_SEPARATORS " \t,"
/* systemd.unit(5), but for the dash in front: systemctl's options. */
#define UNIT_LETTERS LETTERS_AND_DIGITS ":-_.\\@"

static bool store(const char *value, void *field, struct ota_error *err)
{
	char **string = field;
	char *copy = NULL;

	if (*value) {
		copy = strdup(value);
		if (!copy)
			return ota_fail_memory(err, "read the configuration");
	}
	free(*string);
	*string = copy;
	return true;
}

static bool has_blank_control(const char *value)
{
	return text_has_control(value, strlen(value));
}

bool set_text(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err)
{
	if (has_blank_control(entry->value))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"expected text without tabs");
	return store(entry->value, field, err);
}

bool set_command(const struct config_key *key,
		 const struct document_entry *entry, void *field,
		 struct ota_error *err)
{
	return store(entry->command, field, err);
}

static bool check_path(const char *path, struct ota_error *err)
{
	if (*path && (*path != '/' || has_blank_control(path)))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"expected an absolute path, /...");
	return true;
}

bool set_path(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err)
{
	return check_path(entry->value, err) &&
	       store(entry->value, field, err);
}

/* Owned; NULL with `err`. */
static char *expand_path(const char *path, struct ota_error *err)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char *expanded = NULL;

	if (strncmp(path, CREDENTIALS_PREFIX, strlen(CREDENTIALS_PREFIX)) != 0) {
		if (!check_path(path, err))
			return NULL;
		expanded = strdup(path);
	} else if (!directory || *directory != '/') {
		ota_fail(err, OTA_ERROR_PROTOCOL,
			 "%%d is $CREDENTIALS_DIRECTORY, which is not set; "
			 "expected LoadCredential= in the service, or an "
			 "absolute path");
		return NULL;
	} else if (asprintf(&expanded, "%s/%s", directory,
			    path + strlen(CREDENTIALS_PREFIX)) < 0) {
		expanded = NULL;
	}
	if (!expanded)
		ota_fail_memory(err, "read the configuration");
	return expanded;
}

bool set_file(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = expand_path(entry->value, err);

	if (!path)
		return false;
	if (*path && access(path, R_OK) < 0)
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"cannot be read: %s; expected a readable file",
				strerror(errno));
	return store(path, field, err);
}

bool set_glob(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = expand_path(entry->value, err);

	return path && store(path, field, err);
}

/* Copies the name or address, without the brackets around an IPv6 one. */
static bool parse_host(const char *value, char host[HOST_MAX_BYTES + 1])
{
	size_t size = strlen(value);
	struct in6_addr address;

	if (size > 2 && value[0] == '[' && value[size - 1] == ']') {
		value++;
		size -= 2;
	}
	if (size > HOST_MAX_BYTES)
		return false;
	memcpy(host, value, size);
	host[size] = '\0';
	return host[strspn(host, HOST_LETTERS)] == '\0' ||
	       inet_pton(AF_INET6, host, &address) == 1;
}

bool set_host(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err)
{
	char host[HOST_MAX_BYTES + 1];

	if (!parse_host(entry->value, host))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"expected the name or address of a host alone; "
				"a port goes to Port=");
	return store(host, field, err);
}

bool set_unit(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err)
{
	if (*entry->value == '-' || entry->value[strspn(entry->value,
							UNIT_LETTERS)])
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"expected a unit like app.service");
	return store(entry->value, field, err);
}

bool set_version(const struct config_key *key,
		 const struct document_entry *entry, void *field,
		 struct ota_error *err)
{
	if (*entry->value && !version_is_valid(entry->value))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"expected a version of 1-64 letters, digits "
				"and . _ + ~ -, like 1.0.0");
	return store(entry->value, field, err);
}

bool set_proxy(const struct config_key *key, const struct document_entry *entry,
	       void *field, struct ota_error *err)
{
	static const char *const schemes[] = { "http", "https", "socks4",
					       "socks4a", "socks5", "socks5h" };
	const char *value = entry->value;
	const char *colon = strstr(value, "://");
	bool valid = !strpbrk(value, " \t");

	if (valid && colon) {
		valid = false;
		for (size_t i = 0; i < OTA_ARRAY_SIZE(schemes); i++)
			valid |= strlen(schemes[i]) == (size_t)(colon - value) &&
				 !strncasecmp(value, schemes[i],
					      (size_t)(colon - value));
	}
	if (!valid)
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"expected HOST:PORT, or a url of http, https, "
				"socks4, socks4a, socks5 or socks5h");
	return store(value, field, err);
}

static char **free_list(char **list)
{
	for (char **at = list; at && *at; at++)
		free(*at);
	free(list);
	return NULL;
}
OTA_DEFINE_CLEANUP(char **, free_list)

static char **split_list(const char *value)
{
	/* Every second byte may begin an item; one more for the NULL. */
	OTA_CLEANUP(free_listp) char **list =
		calloc(strlen(value) / 2 + 2, sizeof(*list));
	size_t count = 0;

	if (!list)
		return NULL;
	value += strspn(value, LIST_SEPARATORS);
	while (*value) {
		size_t size = strcspn(value, LIST_SEPARATORS);

		list[count] = strndup(value, size);
		if (!list[count++])
			return NULL;
		value += size;
		value += strspn(value, LIST_SEPARATORS);
	}
	return OTA_TAKE(list);
}

bool set_hosts(const struct config_key *key, const struct document_entry *entry,
	       void *field, struct ota_error *err)
{
	OTA_CLEANUP(free_listp) char **list = NULL;
	char ***hosts = field;

	if (entry->value[strspn(entry->value,
				HOST_PATTERN_LETTERS LIST_SEPARATORS)])
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"expected names of hosts, separated by blanks; "
				"* and ? stand for anything");
	list = split_list(entry->value);
	if (!list)
		return ota_fail_memory(err, "read the configuration");
	if (!list[0])
		list = free_list(list);
	free_list(*hosts);
	*hosts = OTA_TAKE(list);
	return true;
}
