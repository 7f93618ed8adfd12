#include "document.h"

#include <string.h>

#include <ini.h>

#include "otad/model/offer.h"
#include "otad/model/text.h"

/* No key, path or command comes near it. */
#define LINE_MAX_BYTES 4096
/* libinih cuts longer lines; our longest key has 17 letters. */
#define KEY_MAX_BYTES 100
#define BLANKS " \t"
#define BYTE_ORDER_MARK "\xEF\xBB\xBF"
#define ALPHANUMERIC                                                           \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

enum name_rule {
	NAME_NONE,
	NAME_PLAIN,
	NAME_DEVICE, /* plain, but not the gateway's */
	NAME_MODULE, /* NAME or DEVICE/NAME */
};

static const char *const section_kinds[] = {
	"Cloud", "Mqtt", "Download", "Update", "Paths",
	"Module", "Class", "Device",
};
static const enum name_rule section_rules[] = {
	NAME_NONE, NAME_NONE, NAME_NONE, NAME_NONE, NAME_NONE,
	NAME_MODULE, NAME_PLAIN, NAME_DEVICE,
};
_Static_assert(OTA_ARRAY_SIZE(section_kinds) == OTA_ARRAY_SIZE(section_rules),
	       "every kind has a rule");

struct text_reader {
	struct document *document;
	struct problems *problems;
	const char *file;
	const char *next, *end;
	unsigned line_number;
	char line[LINE_MAX_BYTES + 1]; /* trimmed */
	struct document_section *section; /* NULL: keys go nowhere */
	bool in_section; /* a header was seen, be it a bad one */
};

static void complain(struct text_reader *reader, const char *text)
{
	problem_add(reader->problems, reader->file, reader->line_number, "%s",
		    text);
}

/* The bytes of the next line; false at the end of the text. */
static bool next_line(struct text_reader *reader, const char **ret_start,
		      size_t *ret_size)
{
	const char *start = reader->next, *newline;

	if (start == reader->end)
		return false;
	newline = memchr(start, '\n', (size_t)(reader->end - start));
	reader->next = newline ? newline + 1 : reader->end;
	reader->line_number++;
	*ret_start = start;
	*ret_size = (size_t)((newline ? newline : reader->end) - start);
	if (*ret_size > 0 && start[*ret_size - 1] == '\r')
		--*ret_size;
	return true;
}

static bool has_stray_control(const char *start, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (start[i] != '\t' && text_has_control(start + i, 1))
			return true;
	}
	return false;
}

/* Leaves the line in reader->line: without blanks around it, or empty. */
static void take_line(struct text_reader *reader, const char *start,
		      size_t size)
{
	reader->line[0] = '\0';
	if (size > LINE_MAX_BYTES) {
		complain(reader, "the line is too long; expected at most 4096 "
				 "bytes");
	} else if (memchr(start, '\0', size)) {
		complain(reader, "the line holds a NUL byte; expected text");
	} else if (has_stray_control(start, size)) {
		complain(reader, "the line holds a control character; expected "
				 "printable text");
	} else if (!text_is_utf8(start, size)) {
		complain(reader, "the line is not valid UTF-8; expected UTF-8 "
				 "text");
	} else {
		while (size > 0 && strchr(BLANKS, start[size - 1]))
			size--;
		while (size > 0 && strchr(BLANKS, *start)) {
			start++;
			size--;
		}
		memcpy(reader->line, start, size);
		reader->line[size] = '\0';
	}
}

static bool is_comment(const char *text)
{
	return text[0] == '#' || text[0] == ';';
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, BLANKS);
}

static bool module_title_is_valid(char *name)
{
	char *slash = strchr(name, '/');
	bool valid;

	if (!slash)
		return module_name_is_valid(name);
	*slash = '\0';
	valid = module_name_is_valid(name) && module_name_is_valid(slash + 1);
	*slash = '/';
	return valid;
}

#define NAME_EXPECTED                                                          \
	"1-64 bytes without / \\ and control characters, not beginning with " \
	"a dot"

static bool check_name(struct text_reader *reader, const char *kind,
		       enum name_rule rule, char *name)
{
	struct problems *problems = reader->problems;
	const char *file = reader->file;
	unsigned line = reader->line_number;

	if (rule == NAME_NONE) {
		if (*name)
			problem_add(problems, file, line,
				    "[%s %s]: this section takes no name; "
				    "expected [%s]",
				    kind, name, kind);
		return !*name;
	}
	if (!*name) {
		problem_add(problems, file, line,
			    "[%s]: the name is missing; expected [%s NAME]",
			    kind, kind);
		return false;
	}
	if (rule == NAME_DEVICE && !strcmp(name, DEVICE_SELF)) {
		problem_add(problems, file, line,
			    "[Device self]: this name is the gateway's own; "
			    "expected another one");
		return false;
	}
	if (rule == NAME_MODULE ? module_title_is_valid(name)
				: module_name_is_valid(name))
		return true;
	problem_add(problems, file, line,
		    "[%s %s]: not a valid name; expected " NAME_EXPECTED "%s",
		    kind, name,
		    rule == NAME_MODULE ? ", or DEVICE/NAME of such" : "");
	return false;
}

static void unknown_section(struct text_reader *reader, const char *kind)
{
	const struct choice choice = {
		.names = section_kinds,
		.count = OTA_ARRAY_SIZE(section_kinds),
	};
	OTA_CLEANUP(freep) char *hint = choice_hint(&choice, kind, "[", "]");

	if (!hint)
		problem_no_memory(reader->problems);
	else
		problem_add(reader->problems, reader->file,
			    reader->line_number, "unknown section [%s]%s",
			    kind, hint);
}

static void enter_section(struct text_reader *reader, const char *kind,
			  enum name_rule rule, char *name)
{
	if (!check_name(reader, kind, rule, name))
		return;
	/* [Module self/NAME] is the long form of [Module NAME]. */
	if (rule == NAME_MODULE &&
	    !strncmp(name, DEVICE_SELF "/", strlen(DEVICE_SELF "/")))
		name += strlen(DEVICE_SELF "/");
	reader->section = document_open(reader->document, kind, name,
					reader->file, reader->line_number);
	if (!reader->section)
		problem_no_memory(reader->problems);
}

static void read_header(struct text_reader *reader)
{
	char *kind = reader->line + 1 + strspn(reader->line + 1, BLANKS);
	char *end = strchr(kind, ']');
	char *name;

	reader->section = NULL;
	reader->in_section = true;
	if (!end || (end[1] && !is_comment(skip_blanks(end + 1)))) {
		complain(reader, "not a section header; expected [SECTION] or "
				 "[SECTION NAME]");
		return;
	}
	while (end > kind && strchr(BLANKS, end[-1]))
		end--;
	*end = '\0';
	name = kind + strcspn(kind, BLANKS);
	if (*name) {
		*name++ = '\0';
		name += strspn(name, BLANKS);
	}
	for (size_t i = 0; i < OTA_ARRAY_SIZE(section_kinds); i++) {
		if (!strcmp(kind, section_kinds[i])) {
			enter_section(reader, kind, section_rules[i], name);
			return;
		}
	}
	unknown_section(reader, kind);
}

/* The bytes of the key; 0 when the line is no `Key=value`. */
static size_t key_size(const char *line)
{
	size_t size = strspn(line, ALPHANUMERIC);

	return line[size + strspn(line + size, BLANKS)] == '=' ? size : 0;
}

/*
 * What libinih gets to read (an fgets(3) of sorts). It would take an indented
 * line for more of the line before, cut values at 200 bytes or at " ;", and
 * cut a section's name at 50 bytes: it is given keys alone, the rest is taken
 * from reader->line.
 */
static char *feed_line(char *buffer, int size, void *stream)
{
	struct text_reader *reader = stream;
	const char *start;
	size_t bytes;

	if (!next_line(reader, &start, &bytes))
		return NULL;
	take_line(reader, start, bytes);
	snprintf(buffer, (size_t)size, "\n");
	if (reader->line[0] == '\0' || is_comment(reader->line))
		return buffer;
	if (reader->line[0] == '[') {
		read_header(reader);
		return buffer;
	}
	bytes = key_size(reader->line);
	if (bytes == 0)
		complain(reader, "expected Key=value, [SECTION] or a comment");
	else if (!reader->in_section)
		complain(reader, "a key before any section; expected "
				 "[SECTION] first");
	else if (bytes > KEY_MAX_BYTES)
		complain(reader, "unknown key: no key is that long");
	else
		snprintf(buffer, (size_t)size, "%.*s=\n", (int)bytes,
			 reader->line);
	return buffer;
}

static void trim_end(char *text)
{
	size_t size = strlen(text);

	while (size > 0 && strchr(BLANKS, text[size - 1]))
		text[--size] = '\0';
}

/* Ends `text` where blanks and a '#' or ';' begin a comment. */
static void cut_comment(char *text)
{
	for (char *at = text; *at; at++) {
		if (at > text && is_comment(at) && strchr(BLANKS, at[-1])) {
			*at = '\0';
			break;
		}
	}
	trim_end(text);
}

/*
 * The same for a shell command, where ';' is none, nor is what stands in
 * quotes. The shell would drop it too, and with it what is put behind it.
 */
static void cut_shell_comment(char *text)
{
	char quote = '\0';

	for (char *at = text; *at; at++) {
		if (*at == '\\' && quote != '\'' && at[1])
			at++;
		else if (quote)
			quote = *at == quote ? '\0' : quote;
		else if (*at == '\'' || *at == '"')
			quote = *at;
		else if (*at == '#' && at > text && strchr(BLANKS, at[-1])) {
			*at = '\0';
			break;
		}
	}
	trim_end(text);
}

/* libinih's handler; `reader->line` is the line it speaks of. */
static int take_key(void *user_data, const char *section, const char *name,
		    const char *value)
{
	struct text_reader *reader = user_data;
	const char *whole = strchr(reader->line, '=') + 1;
	OTA_CLEANUP(freep) char *plain = strdup(whole);
	OTA_CLEANUP(freep) char *command = strdup(whole);

	if (!plain || !command) {
		problem_no_memory(reader->problems);
		return 1;
	}
	cut_comment(plain);
	cut_shell_comment(command);
	if (reader->section &&
	    !section_add(reader->section,
			 &(struct document_entry){
				 .key = (char *)name,
				 .value = (char *)skip_blanks(plain),
				 .command = (char *)skip_blanks(command),
				 .file = reader->file,
				 .line = reader->line_number,
			 }))
		problem_no_memory(reader->problems);
	return 1;
}

void document_read(struct document *document, const char *file,
		   const char *text, size_t size, struct problems *problems)
{
	struct text_reader reader = {
		.document = document,
		.problems = problems,
		.file = file,
		.next = text,
		.end = text + size,
	};

	if (size >= strlen(BYTE_ORDER_MARK) &&
	    !memcmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)))
		reader.next += strlen(BYTE_ORDER_MARK);
	/* Line numbers of errors are ours; what is left is out of memory. */
	if (ini_parse_stream(feed_line, &reader, take_key, &reader) != 0)
		problem_no_memory(problems);
}
