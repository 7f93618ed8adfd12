"""What is broken of src/config."""

from mutation import Mutant

MUTANTS = [
    Mutant("a broken disk is a mistake in the configuration",
           "config-files", "src/config/files.c",
           "	return sys_errno == EIO || sys_errno == EMFILE ||",
           "	return sys_errno == EMFILE ||"),
    Mutant("the first Platform= wins",
           "config-files", "src/config/document.c",
           """	for (size_t i = section ? section->n_entries : 0; i > 0; i--) {
		if (!strcmp(section->entries[i - 1].key, key))
			return &section->entries[i - 1];
	}""",
           """	for (size_t i = 0; section && i < section->n_entries; i++) {
		if (!strcmp(section->entries[i].key, key))
			return &section->entries[i];
	}"""),
    Mutant("a configuration with mistakes has not been written",
           "config-files", "src/config/config.c",
           "		build->problems.report->n_problems == MISSING_PROBLEMS;",
           "		true;"),
    Mutant("sizes have no upper bound",
           "config-broken", "src/config/values.c",
           """	if (!units_parse_size(entry->value, &bytes) || bytes < key->min ||
	    bytes > key->max)""",
           "	if (!units_parse_size(entry->value, &bytes) || bytes < key->min)"),
    Mutant("StallTimeout=0 is taken",
           "config-broken", "src/config/settings.c",
           """"a time from 1s to 1h, like 30s", SECOND_MS, HOUR_MS },""",
           """"a time from 1s to 1h, like 30s", 0, HOUR_MS },"""),
    Mutant("ConfirmTimeout=0 is taken",
           "config-broken", "src/config/settings.c",
           """FIELD(config_update, confirm_timeout_ms),
	  "a time from 1s to 1d, like 5min", SECOND_MS, DAY_MS },""",
           """FIELD(config_update, confirm_timeout_ms),
	  "a time from 1s to 1d, like 5min", 0, DAY_MS },"""),
    Mutant("a certificate for downloads needs no key",
           "config-broken", "src/config/settings.c",
           """	set_section(section, download_keys, download, &build->problems);
	check_key_pair(section, &build->problems);""",
           "	set_section(section, download_keys, download, &build->problems);"),
    Mutant("credentials lie in whatever folder otad is started in",
           "config", "src/config/values-text.c",
           "	} else if (!directory || *directory != '/') {",
           "	} else if (!directory) {"),
]
