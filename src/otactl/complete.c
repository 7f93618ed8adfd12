#include "complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json_object.h>

#include "otad/base/json.h"
#include "otad/model/offer.h"

#include "job.h"
#include "options.h"
#include "otactl.h"
#include "text.h"

/* Somebody waits at a prompt. */
#define PATIENCE_MS 2000

struct completion {
	struct ctl *ctl;
	const struct ctl_command *command; /* NULL: none yet */
	const char *group;	    /* "device", when no more is typed; NULL: none */
	bool unknown;		    /* there is no such command */
	const struct ctl_option *open; /* wants the next word as its value */
	int n_args;		    /* words that are no option */
	const char *prefix;	    /* what is typed of the last word */
	const char *before;	    /* "--device=" in front of it; or "" */
};

/* ---- what is typed already ---- */

static unsigned allowed_options(const struct completion *c)
{
	return c->command ? c->command->options | OPTIONS_COMMON : OPTIONS_GLOBAL;
}

static const struct ctl_option *find_long(unsigned allowed, const char *name,
					  size_t size)
{
	const struct ctl_option *option;

	for (size_t i = 0; (option = ctl_option_at(i)); i++) {
		if ((option->bit & allowed) && strlen(option->name) == size &&
		    strncmp(option->name, name, size) == 0)
			return option;
	}
	return NULL;
}

static const struct ctl_option *find_letter(unsigned allowed, char letter)
{
	const struct ctl_option *option;

	for (size_t i = 0; (option = ctl_option_at(i)); i++) {
		if ((option->bit & allowed) && letter && option->letter == letter)
			return option;
	}
	return NULL;
}

/* Which otad is to be asked, and about what. */
static void note_value(struct completion *c, const struct ctl_option *option,
		       const char *value)
{
	if (option->bit == OPTION_SOCKET)
		c->ctl->options.socket = value;
	else if (option->bit == OPTION_DEVICE)
		c->ctl->options.device = value;
}

static void take_option(struct completion *c, const char *word)
{
	const char *equals = strchr(word, '=');
	const struct ctl_option *option;

	if (word[1] == '-')
		option = find_long(allowed_options(c), word + 2,
				   strcspn(word + 2, "="));
	else
		option = find_letter(allowed_options(c), word[strlen(word) - 1]);
	if (!option || !option->argument)
		return;
	if (word[1] == '-' && equals)
		note_value(c, option, equals + 1);
	else
		c->open = option;
}

static bool begins_group(const char *word)
{
	size_t size = strlen(word);

	for (const struct ctl_command *k = ctl_commands; k->name; k++) {
		if (strncmp(k->name, word, size) == 0 && k->name[size] == ' ')
			return true;
	}
	return false;
}

static void take_command(struct completion *c, const char *word)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s%s", c->group ? c->group : "",
		 c->group ? " " : "", word);
	for (const struct ctl_command *k = ctl_commands; k->name; k++) {
		if (strcmp(k->name, name) == 0)
			c->command = k;
	}
	c->group = !c->command && !c->group && begins_group(word) ? word : NULL;
	c->unknown = !c->command && !c->group;
}

static void take_word(struct completion *c, const char *word)
{
	if (c->open) {
		note_value(c, c->open, word);
		c->open = NULL;
	} else if (word[0] == '-' && word[1]) {
		take_option(c, word);
	} else if (c->command || c->unknown) {
		c->n_args++;
	} else {
		take_command(c, word);
	}
}

/* ---- what may follow ---- */

static void offer_word(const struct completion *c, const char *word,
		       const char *description)
{
	OTA_CLEANUP(freep) char *clean = ctl_clean(word);
	OTA_CLEANUP(freep) char *clean_description = ctl_clean(description);

	if (clean && clean_description &&
	    strncmp(clean, c->prefix, strlen(c->prefix)) == 0)
		printf("%s%s\t%s\n", c->before, clean, clean_description);
}

static void offer_commands(const struct completion *c)
{
	size_t skip = c->group ? strlen(c->group) + 1 : 0;
	const char *last = "";

	for (const struct ctl_command *k = ctl_commands; k->name; k++) {
		const char *space = strchr(k->name, ' ');
		char word[64];

		if (c->group && (strncmp(k->name, c->group, skip - 1) != 0 ||
				 k->name[skip - 1] != ' '))
			continue;
		snprintf(word, sizeof(word), "%.*s",
			 space && !c->group ? (int)(space - k->name) :
					      (int)strlen(k->name),
			 k->name);
		/* "device" once, for its first command. */
		if (!c->group && space && strncmp(last, word, strlen(word)) == 0)
			continue;
		last = k->name;
		offer_word(c, word + skip, k->summary);
	}
}

static void offer_options(const struct completion *c)
{
	const struct ctl_option *option;
	char word[32];

	for (size_t i = 0; (option = ctl_option_at(i)); i++) {
		if (!(option->bit & allowed_options(c)) || !option->help)
			continue;
		snprintf(word, sizeof(word), "--%s", option->name);
		offer_word(c, word, option->help);
	}
}

static void offer_modules_of(const struct completion *c,
			     struct json_object *device)
{
	struct json_object *names = json_get(device, "modules");
	const char *name = ctl_field(device, "name");
	const char *only = c->ctl->options.device;
	bool behind = strcmp(name, DEVICE_SELF) != 0;

	if (only && strcmp(only, name) != 0)
		return;
	for (size_t i = 0; json_object_is_type(names, json_type_array) &&
			   i < json_object_array_length(names);
	     i++) {
		const char *module =
			json_object_get_string(json_object_array_get_idx(names, i));
		OTA_CLEANUP(freep) char *word = NULL;

		if (!module)
			continue;
		if (asprintf(&word, "%s%s%s", behind && !only ? name : "",
			     behind && !only ? "/" : "", module) < 0) {
			word = NULL;
			return;
		}
		offer_word(c, word, ctl_field(device, "class"));
	}
}

static void offer_device(const struct completion *c, struct json_object *device)
{
	offer_word(c, ctl_field(device, "name"), ctl_field(device, "class"));
}

/* Only these can be removed. */
static void offer_registered(const struct completion *c,
			     struct json_object *device)
{
	if (json_get_bool(device, "registered", false))
		offer_device(c, device);
}

static void each_device(const struct completion *c,
			void (*offer)(const struct completion *c,
				      struct json_object *device))
{
	struct ota_error err = OTA_ERROR_INIT;
	OTA_CLEANUP(json_freep) struct json_object *devices =
		ctl_call_list(c->ctl, "ListDevices", NULL, "devices", &err);

	for (size_t i = 0; devices && i < json_object_array_length(devices); i++)
		offer(c, json_object_array_get_idx(devices, i));
}

static void offer_value(const struct completion *c,
			const struct ctl_option *option)
{
	if (option->bit == OPTION_DEVICE)
		each_device(c, offer_device);
	else if (option->bit == OPTION_SOCKET)
		printf(":files\n");
}

static void offer_subject(const struct completion *c)
{
	if (c->n_args >= c->command->max_args)
		return;
	switch (c->command->subject) {
	case CTL_SUBJECT_NONE:
		break;
	case CTL_SUBJECT_MODULE:
		each_device(c, offer_modules_of);
		break;
	case CTL_SUBJECT_DEVICE:
		each_device(c, offer_registered);
		break;
	}
}

/* "--device=me" is completed as "me" with "--device=" in front of it. */
static const struct ctl_option *split_value(struct completion *c, char *word,
					    char *before, size_t size)
{
	const char *equals = strchr(word, '=');

	if (strncmp(word, "--", 2) != 0 || !equals)
		return NULL;
	snprintf(before, size, "%.*s", (int)(equals + 1 - word), word);
	c->before = before;
	c->prefix = equals + 1;
	return find_long(allowed_options(c), word + 2,
			 (size_t)(equals - word) - 2);
}

static void complete_last(struct completion *c, char *word)
{
	const struct ctl_option *option = c->open;
	char before[64];

	c->prefix = word;
	if (!option)
		option = split_value(c, word, before, sizeof(before));
	if (option)
		offer_value(c, option);
	else if (*c->before)
		return; /* no such option */
	else if (word[0] == '-')
		offer_options(c);
	else if (c->command)
		offer_subject(c);
	else if (!c->unknown)
		offer_commands(c);
}

int ctl_complete(struct ctl *ctl, char **words, int n_words)
{
	struct completion completion = { .ctl = ctl, .before = "" };
	char nothing[] = "";
	char *last = n_words > 0 ? words[n_words - 1] : nothing;

	ctl->patience_ms = PATIENCE_MS;
	/* bash makes three words of "--device=me". */
	for (int i = 0; i + 1 < n_words; i++) {
		if (strcmp(words[i], "=") != 0 || !completion.open)
			take_word(&completion, words[i]);
	}
	if (completion.open && strcmp(last, "=") == 0)
		last = nothing;
	complete_last(&completion, last);
	return CTL_DONE;
}
