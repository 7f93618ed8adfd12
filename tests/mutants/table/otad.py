"""What is broken of src/otad."""

from mutation import Mutant

MUTANTS = [
    Mutant("a reload changes the folders of a running otad",
           "test_self.py test_its_folders_do_not_change_while_it_runs", "src/otad/daemon.c",
           """	if (strcmp(config->state_dir, otad->config->state_dir) != 0 ||
	    strcmp(config->runtime_dir, otad->config->runtime_dir) != 0) {""",
           "	if (false) {"),
]
