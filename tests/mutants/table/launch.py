"""What is broken of src/launch."""

from mutation import Mutant

MUTANTS = [
    Mutant("a count of starts that cannot be read counts as none",
           "test_launch.py test_a_new_version_that_spoils_the_marker_gets_no_more_starts", "src/launch/main.c",
           """"STARTS=", 0, 100, l->max_starts); /*""",
           """"STARTS=", 0, 100, 0); /*"""),
    Mutant("a marker allows any number of starts",
           "test_launch.py test_absurd_limits_count_as_three", "src/launch/main.c",
           """"MAX_STARTS=", 1, 100, 3);""",
           """"MAX_STARTS=", 1, UINT_MAX, 3);"""),
    Mutant("a damaged backup is put back",
           "test_launch.py test_a_damaged_backup_is_never_swapped_in", "src/launch/main.c",
           """	if (is_old(l, BACKUP))
		return put_back""",
           """	if (true)
		return put_back"""),
    Mutant("a damaged backup runs from its place",
           "test_launch.py test_a_damaged_backup_is_not_run_from_its_place_either", "src/launch/main.c",
           "	if (may_run || is_old(l, BACKUP))",
           "	if (true)"),
    Mutant("a stranger is ended for the new version",
           "test_launch.py test_a_stranger_with_the_pid_of_the_marker_is_left_alone", "src/launch/main.c",
           "	return rest >= 0 && memcmp(path + rest, gone, strlen(gone)) == 0;",
           "	return rest >= 0 || true;"),
    Mutant("a version that ignores SIGTERM is left running",
           "test_launch.py test_a_version_that_hangs_and_ignores_sigterm_is_ended", "src/launch/main.c",
           "s < TERMINATE_S ? 0 : SIGKILL",
           "0"),
    Mutant("a trial ends at the time of the one before",
           "test_launch.py test_another_trial_has_a_time_of_its_own", "src/launch/main.c",
           "if (until_s == 0 || strncmp(id, job, sizeof(job) - 1) != 0)",
           "if (until_s == 0)"),
    Mutant("a start that cannot be counted goes on",
           "test_launch.py test_a_start_that_cannot_be_counted_ends_the_trial", "src/launch/main.c",
           """if (why == 0 && !is_over && write_marker(l, "trial", text)) {""",
           """if (why == 0 && !is_over && (write_marker(l, "trial", text) || true)) {"""),
    Mutant("without a backup nothing runs",
           "test_launch.py test_a_missing_backup_leads_to_the_factory_version", "src/launch/main.c",
           """	run("", l->factory, arguments);
""",
           ""),
    Mutant("a version that cannot be executed is tried once more",
           "test_launch.py test_a_new_version_that_cannot_be_run_is_left_at_once", "src/launch/main.c",
           "i < 2 && may_run",
           "i < 1 && may_run"),
    Mutant("a first update cut off before its swap is judged",
           "test_launch.py test_a_first_update_cut_off_before_its_swap_is_not_judged", "src/launch/main.c",
           """	if (why == ENOENT && faccessat(l->state_fd, STAGED, F_OK, 0) == 0)
		return true;
""",
           ""),
    Mutant("the end of a trial is not told to the old version",
           "test_launch.py test_after_three_failed_starts_the_old_version_is_back", "src/launch/main.c",
           """	told = write_marker(l, "trial-ended", head);""",
           "	told = true;"),
    Mutant("a FIFO holds up otad-launch",
           "test_judge.py test_versions_that_spoil_the_marker", "src/launch/main.c",
           """	unlinkat(l->state_fd, "trial.tmp", 0);
	fd = openat(l->state_fd, "trial.tmp", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);""",
           """	fd = openat(l->state_fd, "trial.tmp", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);"""),
    Mutant("without hard links there is no way back",
           "test_launch.py test_without_hard_links_the_backup_itself_goes_back", "src/launch/main.c",
           """		from = BACKUP;
""",
           """		return false;
"""),
    Mutant("otad-launch follows a link to a marker",
           "test_launch.py test_a_link_is_no_marker", "src/launch/main.c",
           """O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t size = read""",
           """O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t size = read"""),
    Mutant("half a count of starts is a whole one",
           "test_launch.py test_a_count_that_is_not_on_the_disk_ends_the_trial", "src/launch/main.c",
           "write(fd, text, used) == (ssize_t)used && fchmod",
           "write(fd, text, used) > 0 && fchmod"),
    Mutant("a count whose name is not synced goes on",
           "test_launch.py test_a_count_that_is_not_on_the_disk_ends_the_trial", "src/launch/main.c",
           """	       fsync(l->state_fd) == 0;
}

/* ---- the trial's end""",
           """	       (fsync(l->state_fd), true);
}

/* ---- the trial's end"""),
    Mutant("what otad-launch writes has the mode of its umask",
           "test_launch.py test_anybody_may_read_the_marker", "src/launch/main.c",
           "fchmod(fd, 0644) == 0 &&",
           "true &&"),
    Mutant("a trial has ended though its end is not synced",
           "test_launch.py test_an_end_that_is_not_on_the_disk_is_none", "src/launch/main.c",
           "	if (!note || (bin_fd < 0 ? errno != ENOENT : fsync(bin_fd) < 0)) {",
           "	if (!note || (bin_fd < 0 ? errno != ENOENT : fsync(bin_fd) < -1)) {"),
    Mutant("without bin/ a trial never ends",
           "test_launch.py test_without_their_folder_the_factory_version_runs", "src/launch/main.c",
           "bin_fd < 0 ? errno != ENOENT :",
           "bin_fd < 0 ? true :"),
    Mutant("half the digest of a backup is compared",
           "test_launch.py test_half_a_digest_is_not_enough", "src/launch/main.c",
           """strncasecmp(hex, find(l->text, "BACKUP_SHA256="), 64) == 0;""",
           """strncasecmp(hex, find(l->text, "BACKUP_SHA256="), 32) == 0;"""),
    Mutant("otad-launch comes before otad's own deadline",
           "test_launch.py test_otads_own_deadline_comes_first", "src/launch/main.c",
           "			until_s = now.tv_sec + l->timeout_s + l->timeout_s / 10 + 2;",
           "			until_s = now.tv_sec + l->timeout_s;"),
    Mutant("a deadline that ended nothing has succeeded",
           "test_launch.py test_a_deadline_that_cannot_end_the_trial_fails", "src/launch/main.c",
           """	if (!end_trial(l, text, "health-check-failed"))
		return 1;""",
           """	if (!end_trial(l, text, "health-check-failed"))
		return 0;"""),
    Mutant("variables of the environment have no ceiling",
           "test_launch.py test_thousands_of_variables_do_no_harm", "src/launch/main.c",
           "i < ENVIRONMENT_MAX && environ[i]; i++",
           "environ[i]; i++"),
    Mutant("each look at the marker takes a descriptor",
           "test_launch.py test_watching_for_long_takes_no_more_descriptors", "src/launch/main.c",
           """	ssize_t size = read(fd, l->text, sizeof(l->text) - 1);

	close(fd);""",
           """	ssize_t size = read(fd, l->text, sizeof(l->text) - 1);
"""),
    Mutant("any program whose file is gone is ended",
           "test_launch.py test_a_stranger_whose_own_file_is_gone_is_left_alone", "src/launch/main.c",
           """static const char gone[] = "/" TARGET " (deleted)";""",
           """static const char gone[] = " (deleted)";"""),
    Mutant("no start is counted while something is staged",
           "test_launch.py test_what_is_staged_for_the_next_time_hides_no_start", "src/launch/main.c",
           "	if (why == ENOENT && faccessat(l->state_fd, STAGED, F_OK, 0) == 0)",
           "	if (faccessat(l->state_fd, STAGED, F_OK, 0) == 0)"),
    Mutant("a version is killed without being asked to end",
           "test_launch.py test_a_version_is_asked_to_end_before_it_is_killed", "src/launch/main.c",
           "s == 0 ? SIGTERM : s < TERMINATE_S ? 0 : SIGKILL",
           "SIGKILL"),
]
